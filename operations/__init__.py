"""Operate a deployment: preflight, staging, bulk runs, training, sweep."""
