"""The frozen tester whose tests stand in for ground truth."""
