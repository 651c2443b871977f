import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import growth


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory needs /proc")
def test_memory_is_that_of_the_process_group() -> None:
    with growth.peak_memory(os.getpgrp()) as samples:
        pass

    assert max(samples) > 10_000_000
    assert growth.group_bytes(-1) == 0


def test_paths_take_turns_from_few_to_many_pictures() -> None:
    ran: list[tuple[str, int]] = []

    def path(name: str) -> growth.Classify:
        def classify(keys: Sequence[str]) -> float:
            ran.append((name, len(keys)))
            return 2.0

        return classify

    paths = {name: path(name) for name in ("inline", "bulk")}
    keys = [str(number) for number in range(5_000)]
    measured = growth.measure(paths, keys, [5_000, 100], group=os.getpgrp())
    rows = {row.measure: row for row in growth.rows(measured)}

    a_turn = [("inline", 100), ("bulk", 100)]
    assert ran == [*a_turn, *a_turn, ("inline", 5_000), ("bulk", 5_000)]
    assert rows["bulk, 5,000 pictures"].ours == [2_500]
    assert "inline, 100 pictures: peak memory of the local cloud" in rows
