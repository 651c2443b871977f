import pytest
import typer

from lambda_src.shared.class_names import encode
from scones.options import class_names
from tests.class_names import HOSTILE


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, ()),
        ("bicycle, motorcycle", ("bicycle", "motorcycle")),
        ("K\u00e4se-Scone,Pick-up", ("K\u00e4se-Scone", "Pick-up")),
        (' ["burnt, black", "fine"]', ("burnt, black", "fine")),
        (encode(HOSTILE), HOSTILE),
    ],
)
def test_names_are_separated_by_commas_or_in_json(text: str | None, names: tuple[str, ...]) -> None:
    assert class_names(text) == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,,b", "'' is not a class name"),
        ("a,a", "'a' appears twice"),
        ('["a", "a"]', "'a' appears twice"),
        ("[a, b]", r"not a list of names in JSON: .*; expected names separated by commas"),
        ("[1, 2]", "not a list of names in JSON"),
        ("[" * 100_000, "not a list of names in JSON"),
        (r'["a\u0007", "b"]', "is not a class name"),
    ],
    ids=lambda value: value[:10],
)
def test_other_texts_are_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(typer.BadParameter, match=says):
        class_names(text)
