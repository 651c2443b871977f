"""Draws the pictures and writes the files of the report."""

from collections.abc import Callable
from pathlib import Path

from analysis.plots.style import png, svg
from analysis.report.content import Content
from analysis.report.page import Words, page
from analysis.report.summary import Summary
from training.paths import writable_path

REPORT, SUMMARY, PICTURES = "report.html", "summary.json", "pictures"


def write(
    content: Content,
    words: Words,
    out: Path,
    *,
    replaced: Summary | None,
    say: Callable[[str], None],
) -> None:
    """Write report.html, pictures/*.png and, last, summary.json into the folder `out`.

    Args:
        content: what to show.
        words: the summary in sentences.
        out: made if need be.
        replaced: the summary of the report that was there; its pictures are removed.
        say: told what is being done.

    Raises:
        ValueError: `replaced` names a picture outside its folder; nothing is removed.
        FileExistsError: a link would lead out of the folder; nothing is removed or written.
    """
    files = {
        picture.name: writable_path(out, f"{PICTURES}/{picture.name}.png")
        for picture in content.pictures
    }
    report, summary = writable_path(out, REPORT), writable_path(out, SUMMARY)
    stale_pictures = _stale_pictures(replaced, out) if replaced else []
    (out / PICTURES).mkdir(parents=True, exist_ok=True)
    for picture_file in stale_pictures:
        picture_file.unlink(missing_ok=True)
    for picture in content.pictures:
        say(f"drawing: {picture.title}")
        files[picture.name].write_bytes(png(picture))
    say("drawing the page")
    report.write_text(page(content, words, svg), encoding="utf-8")
    summary.write_text(content.summary.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _stale_pictures(replaced: Summary, out: Path) -> list[Path]:
    try:
        return [writable_path(out, f"{PICTURES}/{name}") for name in replaced.pictures]
    except ValueError as error:
        raise ValueError(
            f"{out / SUMMARY}, pictures: {error}; it is not as the report wrote it, remove it"
        ) from error
