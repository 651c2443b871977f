"""Inference: the endpoint, its alarms, scaling and updates."""
