from pathlib import Path

from settings.documentation import page, presets_table, table


def test_the_page_of_settings_is_that_of_the_schema() -> None:
    written = Path(__file__).parents[3] / "docs/settings.md"

    assert page() == written.read_text(encoding="utf-8"), "scones settings > docs/settings.md"


def test_a_row_names_key_default_allowed_and_meaning() -> None:
    assert (
        "| `workflow.confidence_threshold` | `0.93` | 0 to 1 "
        "| Pictures whose best class has a lower probability are rejected. |"
    ) in table().splitlines()


def test_presets_are_shown_side_by_side() -> None:
    rows = presets_table().splitlines()

    assert rows[0] == '| hyperparameter | `"pretrained"` | `"small-from-scratch"` |'
    assert "| `resize` | `256` | `40` |" in rows
    assert not any("`num_layers`" in row for row in rows)
