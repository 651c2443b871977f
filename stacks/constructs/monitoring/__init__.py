"""Monitoring: drift, metrics, alarms, the dashboard."""
