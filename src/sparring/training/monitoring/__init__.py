"""What a step has shown: metrics, alarms, rates, and figures for trackers."""
