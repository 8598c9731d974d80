"""Monitoring of a step: metrics, alarms, rates, and figures for trackers."""
