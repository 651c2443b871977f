"""Workflow: the state machine that classifies the pictures of one request."""
