import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.credentials import Credentials


@pytest.fixture
def careless_umask() -> Iterator[None]:
    """Lets everybody read and write what this process creates."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    credentials = Credentials.new()
    credentials.write(tmp_path / "credentials")

    assert Credentials.read(tmp_path / "credentials") == credentials
    assert [path.name for path in tmp_path.iterdir()] == ["credentials"]


@pytest.mark.usefixtures("careless_umask")
def test_nobody_else_can_read_the_file_even_if_there_was_a_readable_one(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("old")

    Credentials.new().write(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_credentials_differ_at_each_start_and_are_not_shown() -> None:
    one, other = Credentials.new(), Credentials.new()

    assert one.access_key != other.access_key
    assert one.secret_key != other.secret_key
    assert len(one.access_key) == 20
    assert one.secret_key not in repr(one)
