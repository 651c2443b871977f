from pathlib import Path

from settings.__main__ import presets_table, table


def test_the_readme_has_the_tables_of_the_schema() -> None:
    readme = Path(__file__).parents[3] / "README.md"

    for printed in (table(), presets_table()):
        assert printed in readme.read_text(), "put the output of `python -m settings` into README"


def test_a_row_names_key_default_allowed_and_meaning() -> None:
    assert (
        "| `workflow.confidence_threshold` | `0.93` | 0 to 1 "
        "| A picture whose best class is below it is rejected. |"
    ) in table().splitlines()


def test_presets_are_shown_side_by_side() -> None:
    rows = presets_table().splitlines()

    assert rows[0] == '| hyperparameter | `"pretrained"` | `"small-from-scratch"` |'
    assert "| `resize` | `256` | `40` |" in rows
    assert not any("`num_layers`" in row for row in rows)
