"""Archives in the form of CIFAR-100's."""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

Content = dict[str, dict[bytes, Any]]
"""What the pickles meta, train and test hold."""


def write_archive(path: Path, content: Content) -> Path:
    """Write an archive with the content; return its path."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, values in content.items():
            data = pickle.dumps(values, protocol=2)
            member = tarfile.TarInfo(f"cifar-100-python/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path
