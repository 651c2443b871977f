from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.unit.lambda_src.drift_detector.detector import NOW, Cloud, Killed, record

Kill = Callable[[Cloud], None]


def at(operation: str, *, nth: int = 1, after: bool = False) -> Kill:
    """The process dies before or after the nth call of an operation."""

    def kill(cloud: Cloud) -> None:
        owner = {
            "add_file": cloud.handler.Batch,
            "put_object": cloud.handler.s3,
            "put_metric_data": cloud.handler.metrics.cloudwatch,
        }[operation]
        real, calls = getattr(owner, operation), count(1)

        def dying(*arguments: Any, **request: Any) -> Any:
            last = next(calls) == nth
            if last and not after:
                raise Killed
            result = real(*arguments, **request)
            if last:
                raise Killed
            return result

        cloud.patch.setattr(owner, operation, dying)

    return kill


BEFORE_PUBLISHING, AFTER_PUBLISHING = (
    at("put_metric_data", after=after) for after in (False, True)
)
KILLS = [
    at("add_file"),
    BEFORE_PUBLISHING,
    AFTER_PUBLISHING,
    *(at("put_object", nth=nth, after=after) for nth in (1, 2) for after in (False, True)),
]
AGAIN = [BEFORE_PUBLISHING, AFTER_PUBLISHING, at("put_object", after=True)]


def run_and_die(cloud: Cloud, kill: Kill) -> None:
    patch = cloud.patch
    with pytest.MonkeyPatch.context() as cloud.patch:
        kill(cloud)
        with pytest.raises(Killed):
            cloud.run()
    cloud.patch = patch


@pytest.mark.parametrize(
    ("kill", "again"),
    [
        *((kill, None) for kill in KILLS),
        *((kill, again) for kill in (BEFORE_PUBLISHING, AFTER_PUBLISHING) for again in AGAIN),
    ],
)
def test_a_killed_run_neither_loses_nor_doubles(
    cloud: Cloud, kill: Kill, again: Kill | None
) -> None:
    cloud.put(record())
    cloud.run()
    cloud.put(record(), record())
    for each in filter(None, (kill, again)):
        run_and_die(cloud, each)
    cloud.put(record(), record(), record())

    cloud.run()
    cloud.run()

    assert sum(cloud.metric("Records")) == 6
    assert cloud.state()["pending"] is None


@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=1)])
def test_a_pending_batch_is_given_time_and_sent_under_the_present(
    cloud: Cloud, late: timedelta
) -> None:
    cloud.put(record())
    run_and_die(cloud, BEFORE_PUBLISHING)

    cloud.late += late
    cloud.run()

    if late:
        assert cloud.slept == []
        # Late by an hour, CloudWatch would show the metrics to no alarm.
        minute = datetime.fromisoformat(cloud.state()["minutes"][-1])
        assert minute > NOW + timedelta(minutes=58)
    else:
        assert 40 < sum(cloud.slept) <= 45


def test_a_slow_run_leaves_its_batch_to_the_next(cloud: Cloud) -> None:
    cloud.put(record())
    put = cloud.handler.s3.put_object

    def slow(**request: Any) -> Any:
        cloud.late += timedelta(seconds=40)
        return put(**request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud.handler.s3, "put_object", slow)
        with pytest.raises(TimeoutError, match="the next run sends it"):
            cloud.run()

    cloud.run()

    assert sorted(cloud.metric("Records")) == [0, 1]


@pytest.mark.parametrize("kill", [None, BEFORE_PUBLISHING, AFTER_PUBLISHING])
def test_of_two_runs_at_a_time_one_counts(cloud: Cloud, kill: Kill | None) -> None:
    cloud.put(record())
    if kill:
        run_and_die(cloud, kill)
    load = cloud.handler.store.load
    with pytest.MonkeyPatch.context() as patch:

        def load_and_be_overtaken() -> Any:
            stale = load()
            patch.setattr(cloud.handler.store, "load", load)
            cloud.late += timedelta(minutes=1)
            cloud.run()
            return stale

        patch.setattr(cloud.handler.store, "load", load_and_be_overtaken)
        result = cloud.run()

    assert "overtaken" in result
    assert sum(cloud.metric("Records")) == 1
