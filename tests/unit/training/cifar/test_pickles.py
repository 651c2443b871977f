import io
import os
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from tests.mutations import python_memory_below
from training.cifar import pickles
from training.cifar.pickled_arrays import PickledArray
from training.errors import ArchiveRefusedError


def unpickle(data: bytes, file: IO[bytes] | None = None) -> object:
    return pickles.unpickle(io.BytesIO(data), file or io.BytesIO())


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as opened:
        yield opened


class _MakesFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_crafted_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    crafted = pickle.dumps({b"data": _MakesFolder(victim)})
    pickle.loads(crafted)
    assert victim.exists()
    victim.rmdir()
    with pytest.raises(ArchiveRefusedError, match=rf"asks for {os.mkdir.__module__}\.mkdir"):
        unpickle(crafted)
    assert not victim.exists()


@pytest.mark.parametrize(
    "name", ["builtins eval", "builtins getattr", "numpy load", "_codecs decode", "os system"]
)
def test_any_other_global_is_refused(name: str) -> None:
    module, attribute = name.split()
    with pytest.raises(ArchiveRefusedError, match=rf"{module}\.{attribute}"):
        unpickle(f"c{module}\n{attribute}\n.".encode())


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("width", [3, 3072])
def test_arrays_arrive_as_they_were(file: IO[bytes], protocol: int, order: Any, width: int) -> None:
    array = np.arange(60 * width).astype(np.uint8).reshape(60, width).copy(order=order)
    values = {b"data": array, b"names": [b"a", b""], b"labels": [1, 2]}
    read = unpickle(pickle.dumps(values, protocol=protocol), file)
    assert isinstance(read, dict)
    found = read.pop(b"data")
    assert isinstance(found, PickledArray)
    np.testing.assert_array_equal(found.array(), array)
    assert read == {b"names": [b"a", b""], b"labels": [1, 2]}


def test_memory_does_not_grow_with_the_array(file: IO[bytes]) -> None:
    array = np.full((10_000, 3072), 200, np.uint8)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        source = io.BytesIO(pickle.dumps(array, protocol=protocol))
        with python_memory_below(2_000_000):
            read = pickles.unpickle(source, file)
            assert isinstance(read, PickledArray)
            assert read.array()[9_999].tolist() == [200] * 3072


def test_array_of_python_2_is_read() -> None:
    # As the published archive has it: numpy 1's module name, byte strings instead of text.
    pickled = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x01\x02\x03\x04\x05tb."
    )
    array = unpickle(pickled)
    assert isinstance(array, PickledArray)
    assert array.array().tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", ["int64", "float32", "object", "S3"])
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_arrays_of_anything_but_bytes_are_refused(dtype: str, protocol: int) -> None:
    with pytest.raises(ArchiveRefusedError, match="uint8"):
        unpickle(pickle.dumps(np.array([1, 2]).astype(dtype), protocol=protocol))


@pytest.mark.parametrize("damage", [b"", b"\x80\x02", b"\x80\x02}q\x00.garbage"[:4], b"\x80\xff."])
def test_damaged_pickle_is_refused(damage: bytes) -> None:
    with pytest.raises(ArchiveRefusedError, match="damaged pickle"):
        unpickle(damage)


_NESTED_TUPLE = b")" + b"q\x00h\x00\x86" * 60
_NESTED_DTYPE = b"cnumpy\ndtype\n" + _NESTED_TUPLE + b"\x89\x88\x87R"
_LONG_TEXT = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000
_KILOBYTE = b"X\0\4\0\0" + b"a" * 1024


@pytest.mark.parametrize(
    ("crafted", "reason"),
    [
        (b"\x8f.", "EMPTY_SET"),
        (b"]2.", "opcode DUP"),
        (b"\x8b\xff\xff\xff\x7f.", "LONG4"),
        (b"cnumpy\ndtype\n)\x81.", "NEWOBJ"),
        (b"\x82\x01.", "EXT1"),
        (b"\xff.", r"opcode b'\\xff'"),
        (b"}K\x01K\x01s.", "int as key"),
        (b"}" + _NESTED_TUPLE + b"Ns.", "tuple as key"),
        (b"}" + _LONG_TEXT + b"Ns.", "LongBytes as key"),
        (b"cnumpy._core.numeric\n_frombuffer\n(U\x00" + _NESTED_DTYPE + b")U\x01CtR.", "a tuple"),
        (b"c_codecs\nencode\n}U\x01aK\x01sb.", "BUILD.*of a function"),
        (b"cnumpy\nndarray\n}U\x01aK\x01sb.", "BUILD.*of a function"),
        (b"]}b.", "BUILD.*of a list"),
        (b"])R.", "calls a list"),
        (b"U\x01aK\x01s.", "damaged pickle"),
        (b"]q\x00e.", "damaged pickle"),
        (b"\x8e" + (2**62).to_bytes(8, "little") + b".", "damaged pickle"),
        (b"h\x07.", "damaged pickle"),
        (b"X\x04\x00\x00\x00\xf0\x9f\x98\x80.", "beyond Latin-1"),
        (
            b"c_codecs\nencode\nq\x01" + _KILOBYTE + b"q\x02X\x06\0\0\0latin1q\x03"
            b"]" + b"h\x01h\x02h\x03\x86Ra" * 8192 + b".",
            "more than 8,388,608 bytes of names",
        ),
        (b"c" + b"a" * 1000 + b"\nb\n.", "damaged pickle"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_would_take_time_or_memory_is_refused_by_name(crafted: bytes, reason: str) -> None:
    with pytest.raises(ArchiveRefusedError, match=reason) as refusal:
        unpickle(crafted)
    assert len(str(refusal.value)) < 1000


def test_more_opcodes_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_OPCODES", 1000)
    with pytest.raises(ArchiveRefusedError, match="more than 1,000 opcodes"):
        unpickle(b"]" * 1000 + b".")


def test_memo_index_takes_no_memory() -> None:
    with python_memory_below(1_000_000):
        assert unpickle(b"]r\xff\xff\xff\x1f.") == []


@pytest.mark.parametrize(
    ("shape", "data"),
    [((2, 2), b"abc"), ((-1, 3), b"abc"), ([3], b"abc"), (("3",), b"abc"), ((3,), "abc")],
)
def test_array_whose_shape_does_not_fit_is_refused(shape: object, data: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        PickledArray(shape, "C", data).array()
