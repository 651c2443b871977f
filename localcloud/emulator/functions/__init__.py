"""How the local cloud runs Lambda functions: workers that are cheap, few, and report as on AWS."""

from localcloud.emulator.functions import outcomes, pool, processes


def repair() -> None:
    """Replace how ministack starts, keeps and hears its workers; once, before it serves."""
    outcomes.repair()
    pool.repair()
    processes.start_workers_here()
