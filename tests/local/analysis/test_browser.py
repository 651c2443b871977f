"""The report in a browser: on a phone and on a wide screen, on light and on dark paper."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from lambda_src.shared.class_names import encode
from scones.__main__ import main
from tests.browser import browse, needs_browser
from tests.capture_records import record, write_to

PHONE, WIDE = 390, 1280
SMALLEST_TEXT = 9  # pixels

HARNESS = """<!doctype html><body><script>
const look = (window, smallest) => {
  const document = window.document, all = list => [...document.querySelectorAll(list)];
  for (const each of all("details")) each.open = true;
  const described = each => each.closest("[role=img]")?.ariaLabel;
  const found = {
    width: window.innerWidth,
    dark: window.matchMedia("(prefers-color-scheme: dark)").matches,
    paper: window.getComputedStyle(document.body).backgroundColor,
    ink: window.getComputedStyle(document.querySelector("svg text")).fill,
    plots: all("svg").length,
    same_ids: all("[id]").length - new Set(all("[id]").map(each => each.id)).size,
    nameless: all("img:not([alt]), img[alt='']").length
      + all("svg").filter(each => !described(each)).length,
    wide: [document.documentElement, ...all("*").filter(each => !each.closest(".scroll *, .skip"))]
      .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1
        || (each.matches("html, .chart") && each.scrollWidth > each.clientWidth))
      .concat(all("th, td").filter(cell => cell.scrollWidth > cell.clientWidth + 1))
      .map(each => each.outerHTML.slice(0, 200)),
    small: [], cut: [], covered: [],
  };
  const slanted = text => text.getAttribute("transform")?.includes("rotate(-30");
  for (const svg of all("svg")) {
    const paper = svg.getBoundingClientRect(), scale = paper.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll("text")].filter(text => text.textContent.trim());
    const boxes = texts.map(text => text.getBoundingClientRect());
    const name = text => described(svg).slice(0, 30) + ": " + text.textContent;
    texts.forEach((text, number) => {
      const box = boxes[number];
      if (parseFloat(window.getComputedStyle(text).fontSize) * scale < smallest)
        found.small.push(name(text));
      if (box.left < paper.left - 1 || box.right > paper.right + 1
          || box.top < paper.top - 1 || box.bottom > paper.bottom + 1) found.cut.push(name(text));
      const covers = other => Math.min(box.right, other.right) - Math.max(box.left, other.left)
          > 0.3 * Math.min(box.width, box.height)
        && Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top)
          > 0.3 * Math.min(box.width, box.height);
      for (let other = 0; other < number; other++)
        if (!slanted(text) && !slanted(texts[other]) && covers(boxes[other]))
          found.covered.push(name(text) + " on " + texts[other].textContent);
    });
  }
  return found;
};
(async () => {
  const found = [];
  for (const [page, width, scheme] of LOOKS) {
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.style = `border: 0; height: 800px; width: ${width}px; color-scheme: ${scheme}`;
    frame.src = page;
    await new Promise(resolve => frame.onload = resolve);
    found.push(look(frame.contentWindow, SMALLEST));
    frame.remove();
  }
  await fetch("/done", {method: "POST", body: JSON.stringify(found)});
})().catch(error => fetch("/done", {method: "POST", body: JSON.stringify(String(error))}));
</script>"""


@pytest.fixture
def report(tmp_path: Path) -> Callable[..., str]:
    """Make the page of a report on captures with random outputs."""

    def make(name: str, *, count: int, classes: Sequence[str], truth: bool) -> str:
        random = np.random.default_rng(1)
        outputs = random.dirichlet(np.full(len(classes), 0.1), count)
        times = [f"2025-11-{day:02}T{hour:02}:00:00Z" for day in (29, 30) for hour in range(24)]
        folder = write_to(tmp_path / "captures")(
            *(
                record(str(number), output=json.dumps(list(output)), time=times[number % 48])
                for number, output in enumerate(outputs)
            ),
            name=f"{name}/{'long' * 20}/a.jsonl",
        )
        out, labels = tmp_path / name, tmp_path / f"{name}.csv"
        options = ["--classes", encode(classes), "--out", str(out)]
        if truth:
            with labels.open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["event_id", "label"])
                rows.writerows(enumerate(random.integers(len(classes), size=count)))
            options += ["--truth", str(labels)]
        assert main(["report", str(folder / name), *options]) == 0
        return (out / "report.html").read_text(encoding="utf-8")

    return make


@needs_browser
def test_plots_and_page_fit_any_width_and_are_readable(
    report: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.report.build.png", lambda plot: b"")  # slides
    long = [f"class of a long näme, {number}" for number in range(100)]
    pages = {
        "/one": report("one", count=1, classes=["x" * 200, "W" * 200], truth=False),
        "/six": report("six", count=1000, classes=["</svg><img src=x>", *long[:5]], truth=True),
        "/hundred": report("hundred", count=300, classes=long, truth=True),
    }
    looks = [(page, width, "light") for page in pages for width in (PHONE, WIDE)]
    looks += [("/six", width, "dark") for width in (PHONE, WIDE)]
    harness = HARNESS.replace("LOOKS", json.dumps(looks)).replace("SMALLEST", str(SMALLEST_TEXT))

    found, console = browse({"/": harness, **pages}, tmp_path / "profile")

    assert len(found) == len(looks), found
    wrong = {}
    for (page, width, scheme), seen in zip(looks, found, strict=True):
        dark = scheme == "dark"
        expected: dict[str, object] = {
            "width": width,
            "dark": dark,
            "paper": "rgb(22, 24, 29)" if dark else "rgb(255, 255, 255)",
            "ink": "rgb(240, 240, 240)" if dark else "rgb(26, 26, 26)",
            "plots": 4 if page == "/one" else 8,
            "same_ids": 0,
            "nameless": 0,
            "wide": [],
            "small": [],
            "cut": [],
            "covered": [],
        }
        wrong[page, width, scheme] = {
            what: seen[what] for what, value in expected.items() if seen[what] != value
        }
    assert not any(wrong.values()), wrong
    assert console == []
