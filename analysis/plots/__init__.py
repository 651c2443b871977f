"""Plots of captured predictions, for slides and reports: one module each."""
