"""The report on captured predictions: `python -m monitoring.report --help`."""
