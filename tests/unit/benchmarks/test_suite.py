"""What is said of a run of the tests, and that the benchmarks' local cloud does not disturb it."""

import re

import pytest

from benchmarks import suite


def test_a_tier_runs_as_if_the_benchmarks_had_no_local_cloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    tier = "tests/unit/benchmarks/test_staging.py"

    findings = suite.run([tier])

    assert [row.what for row in findings.rows] == [tier]
    assert re.fullmatch(rf"{tier}: \d+ passed\.", findings.remarks[0])


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("....\n4 passed in 1.20s\n", "4 passed"),
        ("F...\n1 failed, 3 passed in 61.20s (0:01:01)\n", "1 failed, 3 passed"),
        ("", "pytest said nothing"),
    ],
)
def test_the_last_line_counts_without_its_seconds(output: str, said: str) -> None:
    assert suite.outcome(output) == said
