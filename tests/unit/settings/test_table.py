from pathlib import Path

from settings.__main__ import table


def test_the_readme_has_the_table_of_the_schema() -> None:
    readme = Path(__file__).parents[3] / "README.md"

    assert table() in readme.read_text(), "put the output of `python -m settings` into README.md"


def test_a_row_names_key_default_allowed_and_meaning() -> None:
    assert (
        "| `workflow.confidence_threshold` | `0.93` | 0 to 1 "
        "| A picture whose best class is below it is rejected. |"
    ) in table().splitlines()
