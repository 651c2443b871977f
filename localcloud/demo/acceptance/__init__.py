"""`scones demo --aws`: the workflow in a real account, and each assumption about AWS checked."""
