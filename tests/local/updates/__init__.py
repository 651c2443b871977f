"""The deployed application and its stacks, updated; each test restores them."""
