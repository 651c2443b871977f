"""Every record is counted once, whatever happens between a run and the next."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.lambda_src.drift_detector.conftest import MakeRecord
from tests.unit.lambda_src.drift_detector.detector import NOW, Cloud, Killed

Kill = Callable[[Cloud], None]


def before_nth_save(number: int) -> Kill:
    def kill(cloud: Cloud) -> None:
        put, saves = cloud.handler.s3.put_object, Counter[str]()

        def dying(**request: Any) -> Any:
            saves["all"] += 1
            if saves["all"] == number:
                raise Killed
            return put(**request)

        cloud.patch.setattr(cloud.handler.s3, "put_object", dying)

    return kill


def after_nth_save(number: int) -> Kill:
    def kill(cloud: Cloud) -> None:
        put, saves = cloud.handler.s3.put_object, Counter[str]()

        def dying(**request: Any) -> Any:
            written = put(**request)
            saves["all"] += 1
            if saves["all"] == number:
                raise Killed
            return written

        cloud.patch.setattr(cloud.handler.s3, "put_object", dying)

    return kill


def before_publishing(cloud: Cloud) -> None:
    def dying(**_: Any) -> None:
        raise Killed

    cloud.patch.setattr(cloud.handler.metrics.cloudwatch, "put_metric_data", dying)


def after_publishing(cloud: Cloud) -> None:
    put = cloud.handler.metrics.cloudwatch.put_metric_data

    def dying(**request: Any) -> None:
        put(**request)
        raise Killed

    cloud.patch.setattr(cloud.handler.metrics.cloudwatch, "put_metric_data", dying)


def while_reading(cloud: Cloud) -> None:
    def dying(*_: Any) -> None:
        raise Killed

    cloud.patch.setattr(cloud.handler.Batch, "add_file", dying)


KILLS = [
    while_reading,
    before_nth_save(1),
    after_nth_save(1),
    before_publishing,
    after_publishing,
    before_nth_save(2),
    after_nth_save(2),
]


AGAIN = [before_publishing, after_publishing, after_nth_save(1)]


@pytest.mark.parametrize(
    ("kill", "again"),
    [
        *((kill, None) for kill in KILLS),
        *((kill, again) for kill in (before_publishing, after_publishing) for again in AGAIN),
    ],
)
def test_a_killed_run_neither_loses_nor_doubles(
    cloud: Cloud, record: MakeRecord, kill: Kill, again: Kill | None
) -> None:
    cloud.put(record())
    cloud.run()
    cloud.put(record(), record())
    patch = cloud.patch
    for each in filter(None, (kill, again)):
        with pytest.MonkeyPatch.context() as cloud.patch:
            each(cloud)
            with pytest.raises(Killed):
                cloud.run()
    cloud.patch = patch
    cloud.put(record(), record(), record())

    cloud.run()
    cloud.run()

    assert sum(cloud.figures("Records")) == 6
    assert cloud.state()["pending"] is None


def test_a_young_pending_batch_is_given_time(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record())
    with pytest.MonkeyPatch.context() as cloud.patch:
        before_publishing(cloud)
        with pytest.raises(Killed):
            cloud.run()

    cloud.run()

    (slept,) = cloud.slept
    assert 40 < slept <= 45


def test_an_old_pending_batch_is_sent_at_once_and_under_the_present(
    cloud: Cloud, record: MakeRecord
) -> None:
    cloud.put(record())
    with pytest.MonkeyPatch.context() as cloud.patch:
        before_publishing(cloud)
        with pytest.raises(Killed):
            cloud.run()

    cloud.late = timedelta(hours=1)
    cloud.run()

    assert cloud.slept == []
    # Late by an hour, CloudWatch would show the figures to no alarm.
    assert datetime.fromisoformat(cloud.state()["minutes"][-1]) > NOW + timedelta(minutes=58)


def test_a_slow_run_leaves_its_batch_to_the_next(cloud: Cloud, record: MakeRecord) -> None:
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

    assert sorted(cloud.figures("Records")) == [0, 1]


@pytest.mark.parametrize("kill", [None, before_publishing, after_publishing])
def test_of_two_runs_at_a_time_one_counts(
    cloud: Cloud, record: MakeRecord, kill: Kill | None
) -> None:
    cloud.put(record())
    if kill:
        with pytest.MonkeyPatch.context() as cloud.patch:
            kill(cloud)
            with pytest.raises(Killed):
                cloud.run()
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
    assert sum(cloud.figures("Records")) == 1
