"""What operators run on a deployment: preflight, staging, bulk runs, training, sweep."""
