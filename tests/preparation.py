"""Prepare a few pictures without the processes and the cache of `training.preparation.prepare`."""

import hashlib

from training.pictures import PreparedPicture, Refusal, Source, SourcePicture
from training.preparation.uniform import make_uniform


def prepare(source: Source, *, side: int, **_: object) -> list[PreparedPicture | Refusal]:
    """Return what `training.preparation.prepare` returns for pictures that can be read."""

    def prepared(each: SourcePicture) -> PreparedPicture:
        made = make_uniform(source.read(each), side)
        return PreparedPicture(
            each,
            hashlib.sha256(made.png).hexdigest(),
            made.fingerprint,
            made.png,
            made.format,
            made.mode,
            made.width,
            made.height,
            made.notes,
        )

    return [each if isinstance(each, Refusal) else prepared(each) for each in source.pictures()]
