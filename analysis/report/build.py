"""From the command line's choices to the files of the report."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis import collect, dataset, truth
from analysis.files import name_of
from analysis.report import summary, words
from analysis.report.content import Content, content
from analysis.report.page import Words
from analysis.report.write import SUMMARY, write
from analysis.threshold import Costs

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to report on, and where to."""

    captures: str
    """s3://bucket/folder, a folder or a file."""
    out: Path
    """Folder; an earlier report in it is replaced, and compared with."""
    threshold: float
    """The confidence threshold that is set now."""
    threshold_source: str | None = None
    """See `operations.deployed.Threshold`."""
    classes: Sequence[str] = ()
    """In the order of the probabilities; those of the dataset if not given."""
    dataset: str | None = None
    """Folder or s3://bucket/prefix of a staging manifest."""
    truth: str | None = None
    """See `analysis.truth`."""
    costs: Costs = field(default_factory=Costs)
    previous: Path | None = None
    """summary.json of the report to compare with instead."""


def build(request: Request, *, say: Callable[[str], None]) -> Content:
    """Read, compute, draw, write; `say` is told of each step. Return what the report shows.

    Raises:
        OSError, ValueError: something cannot be read, is not what it should be, or cannot be
            written.
        botocore.exceptions.ClientError: S3 refuses.
    """
    replaced = _replaced(request.out / SUMMARY)
    before = summary.read(request.previous) if request.previous else replaced
    say("reading the captures")
    staged = dataset.read(request.dataset) if request.dataset else None
    known = truth.read(request.truth) if request.truth else None
    classes = request.classes or (staged.manifest.classes if staged else ())
    records = collect(
        request.captures,
        classes=classes or (known.classes if known else ()),
        fingerprints=known is not None and known.by_picture,
    )
    if known:
        records = truth.join(records, known).records
    say("computing the figures")
    shown = content(
        records,
        captures=name_of(request.captures),
        present=request.threshold,
        threshold_source=request.threshold_source,
        costs=request.costs,
        dataset=staged,
    )
    write(shown, _words(shown, before), request.out, replaced=replaced, say=say)
    return shown


def _replaced(path: Path) -> summary.Summary | None:
    try:
        return summary.read(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        _logger.warning("nothing to compare with: %s", error)
        return None


def _words(shown: Content, before: summary.Summary | None) -> Words:
    now = shown.summary
    return Words(
        did=words.did(now),
        changed=words.changed(now, before),
        to_do=words.to_do(now),
        threshold=words.threshold_advice(now, now.truth) if now.truth else None,
    )
