"""Synthetic pictures differ and are whole, and both contenders stage all of them."""

import io
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from PIL import Image

from benchmarks import folder
from benchmarks.folder import Measured, Synthetic
from training.preparation.uniform import make_uniform


def test_synthetic_pictures_are_whole_and_all_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "SIZES", ((192, 192), (256, 384)))
    source = Synthetic(12)

    files = [source.read(each) for each in source.pictures()]

    assert files == [source.read(each) for each in Synthetic(12).pictures()]
    assert len({make_uniform(file, 32).png for file in files}) == 12
    assert {Image.open(io.BytesIO(file)).size for file in files} == set(folder.SIZES)


@pytest.mark.parametrize("contender", folder.CONTENDERS.values(), ids=folder.CONTENDERS)
def test_each_contender_stages_every_picture(
    contender: Callable[[Synthetic, str], int],
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folder, "SIZES", ((192, 192),))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert contender(Synthetic(20), bucket) == 20
    keys = [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert sum(key.endswith(".png") for key in keys) == 20


def test_results_stand_side_by_side_where_both_ran() -> None:
    rows = folder.section(
        {
            (1_000, "ours"): Measured(100.0, 20.0, 200_000_000),
            (1_000, "comparator"): Measured(20.0, 50.0, 100_000_000),
            (100_000, "ours"): Measured(90.0, 20.0, 0),
        }
    ).rows

    assert [row.cells for row in rows] == [
        ("1,000 pictures", "pictures/s", "100", "20", "5.00"),
        ("1,000 pictures: processor time", "ms/picture", "20", "50", "2.50"),
        ("1,000 pictures: peak memory", "MB", "200", "100", "0.50"),
        ("100,000 pictures", "pictures/s", "90", "-", "-"),
        ("100,000 pictures: processor time", "ms/picture", "20", "-", "-"),
        ("100,000 pictures: peak memory", "MB", "-", "-", "-"),
    ]
