"""The whole workflow on the local cloud, from one command: `scones demo`."""
