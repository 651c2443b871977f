import io
from collections.abc import Iterator

import pytest

from lambda_src.summarize_bulk.stream import Stream

CHUNKS = (b"one\n", b"", b"two and three\n", b"4")


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100, -1])
def test_it_reads_as_a_file_of_all_chunks_would(size: int) -> None:
    stream, file = io.BufferedReader(Stream(iter(CHUNKS))), io.BytesIO(b"".join(CHUNKS))

    while wanted := file.read(size):
        assert stream.read(size) == wanted
    assert stream.read(size) == b""


def test_a_chunk_is_made_when_it_is_needed() -> None:
    made = 0

    def chunks() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 100

    io.BufferedReader(Stream(chunks()), buffer_size=10).read(250)

    assert made == 3
