"""What AWS leaves behind after `cdk destroy`: `python -m sweep`."""
