"""Tests against the local cloud."""
