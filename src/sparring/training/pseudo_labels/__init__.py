"""Pseudo-labels: tests of a frozen tester that replace ground truth in the reward."""
