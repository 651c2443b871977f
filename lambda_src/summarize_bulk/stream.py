"""A file to read from, made of chunks of bytes as they come."""

import io
from collections.abc import Iterator
from typing import Any


class Stream(io.RawIOBase):
    """Reads from the chunks, and asks for the next one when it needs it; never holds two."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        """Nothing is asked for yet."""
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the beginning of the buffer; gives how many bytes, 0 at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
