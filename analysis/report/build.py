"""Build a report: from the command line's choices to the files."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis import collect, ground_truth
from analysis.dataset import read_preview
from analysis.pictures import data_uri, thumbnail
from analysis.plots.style import Plot, counted, percent, png, svg
from analysis.report import summary
from analysis.report.content import Content, content
from analysis.report.summary import Request, Summary
from analysis.report.summary_text import SummaryText
from training.paths import writable_path

REPORT, SUMMARY, PICTURES = "report.html", "summary.json", "pictures"
REFUSED_SHOWN = 100

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """A report, as it was written."""

    content: Content
    text: SummaryText


def build(request: Request, *, say: Callable[[str], None]) -> Report:
    """Read, compute, draw and write; call `say` before each step.

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
    shown = content(ground_truth.join(records, truth) if truth else records, request, dataset)
    report = Report(shown, SummaryText.of(shown.summary, before))
    _write(report, request.out, replaced=replaced, say=say)
    return report


def _replaced(path: Path) -> Summary | None:
    try:
        return summary.read(path)
    except FileNotFoundError:
        return None
    except ValueError as error:
        _logger.warning("nothing to compare with: %s", error)
        return None


def _write(
    report: Report, out: Path, *, replaced: Summary | None, say: Callable[[str], None]
) -> None:
    """Write the page, the slides and, last, the summary; remove the slides of `replaced`.

    Raises:
        ValueError: `replaced` names a picture outside its folder; nothing is removed.
        FileExistsError: a link leads out of the folder; nothing is removed or written.
    """
    slides = [
        (plot, writable_path(out, f"{PICTURES}/{plot.name}.png")) for plot in report.content.slides
    ]
    page_file, summary_file = writable_path(out, REPORT), writable_path(out, SUMMARY)
    stale = _stale_pictures(replaced, out) if replaced else []
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    for file in stale:
        file.unlink(missing_ok=True)
    for plot, file in slides:
        say(f"drawing: {plot.title}")
        file.write_bytes(png(plot))
    say("drawing the page")
    page_file.write_text(page(report, svg), encoding="utf-8")
    text = report.content.summary.model_dump_json(indent=2)
    summary_file.write_text(f"{text}\n", encoding="utf-8")


def _stale_pictures(replaced: Summary, out: Path) -> list[Path]:
    try:
        return [writable_path(out, f"{PICTURES}/{name}") for name in replaced.pictures]
    except ValueError as error:
        raise ValueError(
            f"{out / SUMMARY}, pictures: {error}; the report did not write that, remove the file"
        ) from error


def page(report: Report, svg: Callable[[Plot], str]) -> str:
    """Return the report as one HTML file that loads nothing else; `svg` draws a plot."""
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
        content=report.content,
        summary=report.content.summary,
        text=report.text,
        svg=svg,
        refused_shown=REFUSED_SHOWN,
    )
