"""`python -m classify`: thousands of pictures through the deployed bulk state machine."""
