"""`python -m monitoring --captures LOCATION --threshold N --out FILE`: draw what was captured."""

import argparse
from pathlib import Path

from rich.console import Console

from monitoring.captures import read
from monitoring.plots import confidence_over_time, confidences
from monitoring.skips import Skip


def main() -> None:
    """Read captures, draw their confidence, print the counts and what was skipped."""
    parser = argparse.ArgumentParser(prog="python -m monitoring", description=main.__doc__)
    parser.add_argument("--captures", required=True, help="s3://bucket/folder, a folder or a file")
    parser.add_argument("--threshold", type=float, required=True, help="0 to 1, e.g. 0.93")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--source", help="what the pictures are, for the subtitle")
    arguments = parser.parse_args()

    skips: list[Skip] = []
    data = confidences(
        read(arguments.captures, on_skip=skips.append), threshold=arguments.threshold
    )
    confidence_over_time(
        data,
        path=arguments.out,
        title="Confidence of each prediction",
        source=arguments.source or arguments.captures,
    )
    console = Console(highlight=False, soft_wrap=True)
    for skip in skips:
        console.print(f"skipped {skip.file}, line {skip.line}: {skip.reason}", markup=False)
    accepted = int(data.accepted.sum())
    console.print(
        f"{data.values.size} captures: {accepted} accepted, {data.values.size - accepted} rejected "
        f"at {data.threshold:g}; {data.without_output} without output, {len(skips)} lines skipped"
    )
    console.print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
