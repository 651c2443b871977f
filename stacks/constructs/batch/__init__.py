"""Batch: bulk classification through the endpoint, and batch transform without one."""
