"""Answers made elsewhere: recognised by their fields, matched to tasks, graded."""
