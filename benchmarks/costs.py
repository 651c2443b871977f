"""Tabulate the monthly cost of each path on AWS, by list prices (operations/costs.py)."""

from benchmarks.results_table import Row, Section, in_digits
from operations import costs

VOLUMES = (10_000, 1_000_000, 100_000_000)


def run() -> Section:
    """Return the costs at three volumes, and the cheapest path at each volume."""
    model = costs.read()
    lines = costs.paths(model)
    rows = [
        Row(measure=f"{volume:,} pictures a month: {name}", unit="USD", ours=[line.at(volume)])
        for volume in VOLUMES
        for name, line in lines.items()
    ]
    shares = {
        "inline": costs.inline(model),
        "bulk": costs.bulk(model),
        "batch": costs.batch(model),
    }
    marginal = ", ".join(f"{name} {line.each * 1e6:,.2f}" for name, line in shares.items())
    by_volume = "; ".join(
        f"from {in_digits(round(volume))} {name}" for name, volume in costs.cheapest(lines).items()
    )
    return Section(
        "Cost model",
        rows,
        [
            f"The cost model uses list prices of {model.region} as of {model.as_of} and "
            "assumptions from `operations/prices.toml`, which cites the sources; it leaves out "
            "storage, logs, captures and notifications. The comparator needs as many transitions "
            "and calls per picture as inline, and costs the same.",
            f"Cheapest path by pictures a month: {by_volume}.",
            f"If the endpoint is on anyway, another million pictures costs in USD: {marginal}.",
        ],
    )
