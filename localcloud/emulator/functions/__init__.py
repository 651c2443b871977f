"""Runs Lambda functions in workers that are small and few, and report as on AWS."""

from localcloud.emulator.functions import outcomes, pool, processes


def repair() -> None:
    """Change how ministack starts and keeps workers and reads their outcomes."""
    outcomes.repair()
    pool.repair()
    processes.start_workers_here()
