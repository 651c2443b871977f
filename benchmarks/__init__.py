"""Measure speed, memory and cost; no AWS account needed (docs/benchmarks.md)."""
