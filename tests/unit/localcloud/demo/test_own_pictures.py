"""A folder gets settings; the example of docs/pictures.md is such a folder."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from localcloud.demo.own_pictures import settings_for
from localcloud.steps import Steps
from settings.loader import FOLDER_VARIABLE
from training.errors import StagingError

DOCS = Path(__file__).parents[4] / "docs" / "pictures.md"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with patch.dict(os.environ, {"XDG_CACHE_HOME": str(tmp_path / "cache")}):
        yield


def _draw(each: int) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    small = example.replace("range(150)", f"range({each})").replace("(200, 400)", "(60, 90)")
    exec(small, {})


@pytest.mark.parametrize(("needed", "detects_drift"), [(50, False), (3, True)])
def test_settings_name_the_folder_and_detect_drift_where_the_pictures_suffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: int, detects_drift: bool
) -> None:
    monkeypatch.setattr("lambda_src.drift_detector.validation_pictures.MINIMUM", needed)
    _draw(12)
    settings = settings_for("pictures", tmp_path / "out", Steps())
    assert settings.dataset.source == "folder"
    assert settings.dataset.pictures == str(tmp_path / "pictures")
    assert settings.dataset.classes == ()
    assert settings.detects_drift == detects_drift
    assert os.environ[FOLDER_VARIABLE] == str(tmp_path / "out" / "settings")


@pytest.mark.parametrize(
    ("location", "says"), [("s3://bucket/pictures", "aws s3 cp"), ("nowhere", "nowhere")]
)
def test_pictures_that_the_demo_cannot_use_are_refused(
    tmp_path: Path, location: str, says: str
) -> None:
    with pytest.raises(StagingError, match=says):
        settings_for(location, tmp_path / "out", Steps())
