"""Answers that were made elsewhere: recognised by their fields, matched to tasks, graded."""
