"""The report on captured predictions: `scones report --help`."""
