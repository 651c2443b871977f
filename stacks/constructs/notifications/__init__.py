"""Notifications: the topic, and what the state machines and failures tell it."""
