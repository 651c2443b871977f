"""What operators run on a deployment: preflight, sweep, bulk runs, training outside the stack."""
