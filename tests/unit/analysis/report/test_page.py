import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from analysis import collect, ground_truth
from analysis.dataset import DatasetPreview
from analysis.report.build import NAMED_CLASSES, page
from analysis.report.content import Content, content
from analysis.report.summary import Request
from operations.deployed import Threshold
from tests.capture_records import PNG, Write, record
from training.manifest import Manifest

VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """Elements of a page; fails where one is closed that is not open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        """Attributes of the elements with one of these tags."""
        return [attributes for tag, attributes in self.elements if tag in tags]


def contents(
    captures: Path,
    *,
    classes: Sequence[str] = ("bicycle", "motorcycle"),
    labels: Path | None = None,
) -> Content:
    """The content of a report on a folder of captures."""
    records = collect(captures, classes=classes)
    if labels:
        records = ground_truth.join(records, ground_truth.read(labels))
    threshold = Threshold(0.93, "the default")
    return content(records, Request(captures=str(captures), out=captures, threshold=threshold))


def rendered(shown: Content) -> Page:
    """The page, without drawing."""
    return Page(page(shown, lambda plot: f"<svg class='{plot.name}'></svg>"))


@pytest.fixture
def complete(write: Write, tmp_path: Path) -> Content:
    """Everything that a report can have but a dataset."""
    labels = tmp_path / "labels.csv"
    labels.write_text("event_id,label\none,motorcycle\ntwo,bicycle\nnobody,bicycle\n")
    folder = write(record("one"), record("two"), record("one"), record("three", output=None))
    return contents(folder, labels=labels)


def test_nothing_is_fetched_and_nothing_runs(complete: Content) -> None:
    found = rendered(complete)

    assert not found.all("script", "link", "iframe", "object")
    for attributes in found.all("img"):
        assert (attributes["src"] or "").startswith("data:image/png;base64,")
    assert all((each["href"] or "").startswith("#") for each in found.all("a"))
    policy = {each.get("http-equiv"): each.get("content") or "" for each in found.all("meta")}
    assert "default-src 'none'" in policy["Content-Security-Policy"]


def test_every_picture_has_a_text_alternative_and_every_plot_a_table(complete: Content) -> None:
    found = rendered(complete)

    assert all(each["alt"] for each in found.all("img"))
    charts = [each for each in found.all("div") if each.get("role") == "img"]
    assert all(each["aria-label"] for each in charts)
    assert (
        len(charts)
        == len(found.all("svg"))
        == len(complete.predictions) + len(complete.accuracy) + len(complete.threshold)
        == 8
    )
    assert len(found.all("table")) >= len(charts)
    assert len(found.all("caption")) == len(found.all("table"))
    assert all(each.get("scope") in ("col", "row") for each in found.all("th"))


def test_landmarks_headings_and_language(complete: Content) -> None:
    found = rendered(complete)

    assert found.all("html") == [{"lang": "en"}]
    assert [len(found.all(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    assert any(each.get("name") == "viewport" for each in found.all("meta"))
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [each["id"] for _, each in found.elements if "id" in each]
    assert len(set(ids)) == len(ids)
    used = [(each["href"] or "")[1:] for each in found.all("a")]
    used += [each["aria-labelledby"] or "" for each in found.all("section")]
    assert set(used) <= set(ids)


def test_mistaken_pictures_are_marked_with_the_true_class(complete: Content) -> None:
    found = rendered(complete)

    # Event two, once among the least confident and once among the random ones.
    assert [each.get("class") for each in found.all("li")].count("mistaken") == 2
    assert found.text.count("is bicycle") == 2


def test_skipped_lines_are_shown_with_file_and_line(complete: Content) -> None:
    text = " ".join(rendered(complete).text.split())

    assert "repeated events 1 no " in text and "records without output 1 as far as it goes" in text
    assert "a.jsonl 3 event one was read before" in text
    assert "labels.csv 4 nobody: no such record" in text


def test_text_from_captures_is_only_text(write: Write) -> None:
    evil = "<script>alert('é')</script>"
    write(record("one", output=f"{evil} is no list"), name=f"{'long-' * 30}<b>.jsonl")
    folder = write(record("two"), name="b.jsonl")
    found = rendered(contents(folder, classes=(evil, f"{evil}2")))

    assert not found.all("script", "b")
    assert evil in found.text
    assert "<b>.jsonl" in found.text


@pytest.mark.parametrize("captured", [record(output=None), record(content=None)])
def test_captures_of_one_side_only(captured: dict[str, Any], write: Write) -> None:
    text = rendered(contents(write(captured))).text

    output = "endpointOutput" in captured["captureData"]
    assert ("No output was captured" in text) != output
    assert "No pictures to show" in text  # without an output nothing is known of it


def test_the_same_page_for_one_class(write: Write) -> None:
    shown = contents(write(record("one", output="[1.0]")), classes=("bicycle",))

    assert shown.summary.predicted == {"bicycle": 1}
    assert rendered(shown).all("svg")


def test_training_pictures_of_many_classes_are_on_one_sheet(write: Write) -> None:
    def pictures(classes: int) -> Page:
        names = tuple(f"class {number}" for number in range(classes))
        counts = {split: dict.fromkeys(names, 1) for split in ("train", "validation")}
        manifest = Manifest(source="folder", digest="d", classes=names, counts=counts)
        examples = {name: [PNG] for name in names}
        shown = contents(write(record(output=None)))
        return rendered(replace(shown, dataset=DatasetPreview("d", manifest, examples)))

    few, many = pictures(NAMED_CLASSES), pictures(NAMED_CLASSES + 1)

    assert len(few.all("h3")) > NAMED_CLASSES
    assert len(many.all("h3")) < NAMED_CLASSES
    assert [each["alt"] for each in many.all("img")][
        -1
    ] == f"Training picture of class {NAMED_CLASSES}"


def test_variants_are_shown_one_by_one(write: Write) -> None:
    write(record("one"), name="scones/blue/2025/01/01/00/a.jsonl")
    folder = write(record("two"), record("three"), name="scones/green/2025/01/01/00/a.jsonl")
    shown = contents(folder)
    text = " ".join(rendered(shown).text.split())

    assert {name: each.captures for name, each in shown.summary.variants.items()} == {
        "scones/blue": 1,
        "scones/green": 2,
    }
    assert "scones/blue 1 " in text
    assert "scones/green 2 " in text
