"""The credentials of a local cloud's administrator: new at each start, in a file of its folder.

The file has the form of `~/.aws/credentials`; only the user who started the cloud can read it.
"""

import base64
import configparser
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

_PROFILE = "default"
_KEY, _SECRET = "aws_access_key_id", "aws_secret_access_key"


@dataclass(frozen=True)
class Credentials:
    """An access key and its secret."""

    access_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def new(cls) -> "Credentials":
        """Return random credentials of the length that AWS's have."""
        key = base64.b32encode(secrets.token_bytes(10)).decode()
        return cls(access_key=f"LOCL{key}", secret_key=secrets.token_urlsafe(30))

    @classmethod
    def read(cls, file: Path) -> "Credentials":
        """Read what `write` wrote; raise FileNotFoundError without the file."""
        parser = configparser.RawConfigParser()
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
        return cls(parser[_PROFILE][_KEY], parser[_PROFILE][_SECRET])

    def write(self, file: Path) -> None:
        """Replace `file`; at no moment can another user read it."""
        content = f"[{_PROFILE}]\n{_KEY} = {self.access_key}\n{_SECRET} = {self.secret_key}\n"
        # A new temporary file has mode 0600 whatever the umask, and keeps it when it is renamed.
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, prefix=file.name, delete=False
        ) as new:
            new.write(content)
        Path(new.name).replace(file)
