"""Responses → `GroupResult`: read once, run, compared; what it earns; its record.

In the order in which things happen: `reading` (with `assertions`, `bare`, `layout`) → `executions`
and `columns` (what is run) → `comparison`, `foreign` (outputs compared) → `grade`, which makes a
`group.GroupResult` → `supervised` (by a frozen tester's tests) → `scorer` (rewards, advantages) →
`record`, and back from disk `recorded`. For figures: `facts`, `monitors`, `wanting`.
"""
