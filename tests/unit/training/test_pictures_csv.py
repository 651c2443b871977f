"""The list of a dataset's pictures is read as it was written; others are refused."""

import csv
import io

import pytest

from training import pictures_csv
from training.pictures_csv import StagedPicture

PICTURE = StagedPicture("train", "abc.png", "scone, burnt", "0" * 64, "ff00", "burnt/IMG_1.jpg")
ODD = StagedPicture("validation", "d.png", "=Gebäck", "1" * 64, "", 'a,"\nb;=1+1/日本 .png')


def test_what_is_written_is_read() -> None:
    assert pictures_csv.parse(pictures_csv.serialize([PICTURE, ODD]), "here") == [PICTURE, ODD]


def test_no_spreadsheet_runs_a_name() -> None:
    _, row = csv.reader(io.StringIO(pictures_csv.serialize([ODD]).decode()))
    assert row[2] == "'=Gebäck"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("split,", "side,"),
        ("train", "test"),
        ("abc.png", "../abc.png"),
        ("0" * 64, "0" * 63),
        ("ff00", "ff0"),
        (",burnt/IMG_1.jpg", ""),
        ("burnt/IMG_1.jpg", '"burnt'),
    ],
)
def test_anything_else_is_refused_with_where_it_is(old: str, new: str) -> None:
    content = pictures_csv.serialize([PICTURE]).replace(old.encode(), new.encode())
    with pytest.raises(ValueError, match=r"here, line \d: not a row that staging writes"):
        pictures_csv.parse(content, "here")
