"""The command line says what it drew and what it skipped."""

import json
import sys
from pathlib import Path

import pytest

from monitoring.__main__ import main


def test_counts_and_skips_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps(
            {
                "captureData": {"endpointOutput": {"data": output, "encoding": "JSON"}},
                "eventMetadata": {"eventId": "event", "inferenceTime": "2024-10-15T14:05:12Z"},
            }
        )
        for output in ("[0.95, 0.05]", "[0.6, 0.4]", "[0.3, 0.7]")
    ]
    captures = tmp_path / "captures.jsonl"
    captures.write_text("\n".join([*lines, "{cut"]))
    picture = tmp_path / "picture.png"
    options = ["--captures", str(captures), "--threshold", "0.93", "--out", str(picture)]
    monkeypatch.setattr(sys, "argv", ["monitoring", *options])
    main()

    said = capsys.readouterr().out
    assert f"skipped {captures.as_posix()}, line 4: Invalid JSON" in said
    assert "3 captures: 1 accepted, 2 rejected at 0.93; 0 without output, 1 lines skipped" in said
    assert picture.exists()
