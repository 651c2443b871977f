"""The deployed application in use; no test here changes its stacks."""
