"""Build a report: from the command line's choices to the files."""

import logging
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import collect, ground_truth
from analysis.dataset import read_preview
from analysis.pictures import data_uri, thumbnail
from analysis.plots.style import Plot, counted, percent, png, svg
from analysis.report import summary
from analysis.report.content import Content, content
from analysis.report.summary import Request, Summary
from training.paths import writable_path

REPORT, SUMMARY, PICTURES = "report.html", "summary.json", "pictures"
REFUSED_SHOWN = 100
NAMED_CLASSES = 10
"""Of more classes, the training pictures are on one sheet."""

_logger = logging.getLogger(__name__)


def build(request: Request, *, say: Callable[[str], None]) -> Content:
    """Read, compute, draw and write the report and return its content; call `say` before each step.

    Raises:
        OSError, ValueError: something cannot be read, is damaged, or cannot be written.
        botocore.exceptions.ClientError: S3 refuses.
    """
    replaced = _replaced(request.out / SUMMARY)
    before = summary.read(request.previous) if request.previous else replaced
    say("reading the captures")
    dataset = read_preview(request.dataset) if request.dataset else None
    truth = ground_truth.read(request.truth) if request.truth else None
    classes = request.classes or (dataset.manifest.classes if dataset else ())
    records = collect(
        request.captures,
        classes=classes or (truth.classes if truth else ()),
        fingerprints=truth is not None and truth.by_picture,
    )
    say("computing")
    if truth:
        records = ground_truth.join(records, truth)
    shown = content(records, request, dataset=dataset, before=before)
    _write(shown, request.out, replaced=replaced, say=say)
    return shown


def _replaced(path: Path) -> Summary | None:
    try:
        return summary.read(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        _logger.warning("nothing to compare with: %s", error)
        return None


def _write(
    shown: Content, out: Path, *, replaced: Summary | None, say: Callable[[str], None]
) -> None:
    """Write the page, the slides and, last, the summary; remove the slides of `replaced`.

    Raises:
        ValueError: `replaced` names a picture outside its folder; nothing is removed.
        FileExistsError: a link leads out of the folder; nothing is removed or written.
    """
    slides = [(plot, writable_path(out, f"{PICTURES}/{plot.name}.png")) for plot in shown.slides]
    page_file, summary_file = writable_path(out, REPORT), writable_path(out, SUMMARY)
    stale = _stale_pictures(replaced, out) if replaced else []
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    for file in stale:
        file.unlink(missing_ok=True)
    for plot, file in slides:
        say(f"drawing: {plot.title}")
        file.write_bytes(png(plot))
    say("drawing the page")
    page_file.write_text(page(shown, svg), encoding="utf-8")
    text = shown.summary.model_dump_json(indent=2)
    summary_file.write_text(f"{text}\n", encoding="utf-8")


def _stale_pictures(replaced: Summary, out: Path) -> list[Path]:
    try:
        return [writable_path(out, f"{PICTURES}/{name}") for name in replaced.pictures]
    except ValueError as error:
        raise ValueError(
            f"{out / SUMMARY}, pictures: {error}; the report did not write that, remove the file"
        ) from error


def page(shown: Content, svg: Callable[[Plot], str]) -> str:
    """Return the page, which loads nothing else; `svg` draws a plot."""
    environment = Environment(
        loader=PackageLoader("analysis.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        data_uri=data_uri, percent=percent, counted=counted, thumbnail=thumbnail
    )
    return environment.get_template("page.html.j2").render(
        content=shown,
        summary=shown.summary,
        text=shown.text,
        svg=svg,
        refused_shown=REFUSED_SHOWN,
        named_classes=NAMED_CLASSES,
    )
