"""What is not staged is counted by reason, whatever numbers the reasons have."""

from operations.staging_tables import by_reason
from training.pictures import Refusal


def test_reasons_that_differ_in_details_are_one() -> None:
    refusals = [
        Refusal("a.jpg", "duplicate picture: b.jpg"),
        Refusal("c.jpg", "has 20,000 x 9,000 pixels: scale it down"),
        Refusal("d.jpg", "has 30,000 x 9,001 pixels: scale it down"),
        Refusal("e.jpg", "ends too early"),
        Refusal("f.jpg", "duplicate picture: g.jpg"),
        Refusal("h.jpg", "duplicate picture: i.jpg"),
    ]
    assert {
        reason: [each.path for each in found] for reason, found in by_reason(refusals).items()
    } == {
        "duplicate picture": ["a.jpg", "f.jpg", "h.jpg"],
        "has 20,000 x 9,000 pixels": ["c.jpg", "d.jpg"],
        "ends too early": ["e.jpg"],
    }
