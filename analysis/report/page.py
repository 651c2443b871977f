"""The report as one HTML file, which needs nothing but itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from analysis.plots.style import Picture, counted, percent
from analysis.report.content import Content
from analysis.report.thumbnails import data_uri, thumbnail

REFUSED_SHOWN = 100


@dataclass(frozen=True)
class Words:
    """The report's summary in sentences."""

    did: Sequence[str]
    changed: Sequence[str]
    to_do: Sequence[str]
    threshold: str | None
    """What to set; None without a known truth."""


def page(content: Content, words: Words, svg: Callable[[Picture], str]) -> str:
    """Return the HTML; `svg` draws a plot."""
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
        content=content,
        summary=content.summary,
        words=words,
        svg=svg,
        refused_shown=REFUSED_SHOWN,
    )
