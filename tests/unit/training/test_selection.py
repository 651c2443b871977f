"""Pictures are divided by themselves alone, copies and contradictions are left out by name."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.own_pictures import class_of, picture
from training.pictures import PreparedPicture, Refusal
from training.selection import Selection, faults, select
from training.source import Prepared


class Folder:
    name, location = "folder", "scones"


def prepared(pictures: Sequence[PreparedPicture | Refusal]) -> Prepared:
    classes = {each.source.label for each in pictures if isinstance(each, PreparedPicture)}
    return Prepared(Folder(), tuple(sorted(classes)), 32, pictures, {})  # type: ignore[arg-type]


def sides(selection: Selection) -> dict[str, str]:
    """Return the side of each picture by its path."""
    return {
        each.source.path: split for split, pictures in selection.splits.items() for each in pictures
    }


def left(selection: Selection) -> dict[str, str]:
    return {each.path: each.reason for each in (*selection.refused, *selection.left_out)}


FINE, BURNT = class_of("fine", 400), class_of("burnt", 100)


@pytest.mark.parametrize(("percent", "least", "most"), [(20, 80, 120), (1, 1, 12), (50, 220, 280)])
def test_about_the_wanted_share_validates(percent: float, least: int, most: int) -> None:
    selection = select(prepared(FINE + BURNT), validation_percent=percent)
    assert least <= len(selection.splits["validation"]) <= most
    assert len(sides(selection)) == 500


def test_a_picture_stays_on_its_side_when_others_come_and_go() -> None:
    before = sides(select(prepared(FINE[:200])))
    after = sides(select(prepared([*BURNT, *reversed(FINE[:150]), *FINE[200:]])))
    assert {path: after[path] for path in before.keys() & after.keys()} == {
        path: side for path, side in before.items() if path in after
    }


def test_a_side_depends_on_the_pixels_and_not_on_the_name() -> None:
    renamed = [
        replace(each, source=replace(each.source, path=f"n{i}")) for i, each in enumerate(FINE)
    ]
    first, second = select(prepared(FINE)), select(prepared(renamed))
    for split, pictures in first.splits.items():
        assert [each.sha256 for each in pictures] == [each.sha256 for each in second.splits[split]]


def test_given_sides_are_taken() -> None:
    given = [
        picture(f"{name}/{split}{i}.jpg", split=split)
        for name in ("fine", "burnt")
        for split in ("train", "validation")
        for i in range(5)
    ]
    for path, side in sides(select(prepared(given), validation_percent=50)).items():
        assert side in path


@pytest.mark.parametrize("pattern", [r"([^/]*)_\d+", r"[^/]*_"])
def test_groups_stay_together(pattern: str) -> None:
    frames = [picture(f"fine/v{video}_{i}.jpg") for video in range(20) for i in range(5)]
    by_path = sides(select(prepared(frames), group_pattern=pattern, validation_percent=40))
    by_video = {video: {by_path[f"fine/v{video}_{i}.jpg"] for i in range(5)} for video in range(20)}
    assert {len(each) for each in by_video.values()} == {1}
    assert set.union(*by_video.values()) == {"train", "validation"}


def test_the_group_of_a_list_comes_before_the_pattern() -> None:
    frames = [picture(f"fine/{i}.jpg", group="oven 1") for i in range(30)]
    others = class_of("burnt", 30)
    selection = select(prepared(frames + others), group_pattern=r"\d+", validation_percent=50)
    assert len({side for path, side in sides(selection).items() if "fine" in path}) == 1


def test_a_group_follows_the_members_whose_side_is_given() -> None:
    pictures = [picture(f"fine/{i}.jpg", group="a") for i in range(30)]
    pictures.append(picture("fine/given.jpg", group="a", split="validation"))
    assert set(sides(select(prepared(pictures))).values()) == {"validation"}
    pictures.insert(0, picture("fine/other.jpg", group="a", split="train"))
    by_path = sides(select(prepared(pictures)))
    assert [path for path, split in by_path.items() if split == "train"] == ["fine/other.jpg"]


def test_a_class_that_chance_leaves_without_validation_gets_one_and_it_is_said() -> None:
    selection = select(prepared([*FINE, *class_of("rare", 3)]), validation_percent=1)
    by_path = sides(selection)
    (moved,) = selection.moved["rare"]
    assert by_path[moved] == "validation"
    assert sorted(side for path, side in by_path.items() if "rare" in path) == [
        "train",
        "train",
        "validation",
    ]
    again = select(prepared([*class_of("rare", 3), *FINE]), validation_percent=1)
    assert again.moved == selection.moved


def test_a_group_that_leaves_too_few_for_training_does_not_move() -> None:
    groups = {"most": 9, "few": 1}
    for tray in range(8):  # whatever the order of their hashes
        rare = [
            picture(f"rare/{name}{i}.jpg", group=f"{name} {tray}")
            for name, number in groups.items()
            for i in range(number)
        ]
        selection = select(prepared([*FINE, *rare]), validation_percent=0)
        assert selection.moved["rare"] == ["rare/few0.jpg"]
        assert faults(selection, max_refused_percent=0) == []


def test_of_copies_the_first_stays() -> None:
    copies = [picture("fine/b.jpg", pixels="x"), picture("fine/a.jpg", pixels="x")]
    selection = select(prepared([*copies, *FINE]))
    assert left(selection) == {"fine/a.jpg": "duplicate picture: fine/b.jpg"}
    assert not selection.refused


def test_of_copies_on_both_sides_the_one_for_validation_stays() -> None:
    copies = [
        picture("fine/a.jpg", pixels="x", split="train"),
        picture("fine/b.jpg", pixels="x", split="validation"),
    ]
    selection = select(prepared([*copies, *FINE]))
    assert sides(selection)["fine/b.jpg"] == "validation"
    assert left(selection) == {"fine/a.jpg": "duplicate picture: fine/b.jpg"}


def test_every_copy_of_a_picture_with_two_labels_is_refused_by_name() -> None:
    same = [picture(path, pixels="x") for path in ("fine/1b.jpg", "fine/1c.jpg", "burnt/1a.jpg")]
    selection = select(prepared([*same, *FINE, *BURNT]))
    reason = "the same picture has another label: "
    assert {each.path: each.reason for each in selection.refused} == {
        "fine/1b.jpg": f"{reason}burnt/1a.jpg is 'burnt'",
        "fine/1c.jpg": f"{reason}burnt/1a.jpg is 'burnt'",
        "burnt/1a.jpg": f"{reason}fine/1b.jpg is 'fine'",
    }


def test_what_looks_like_a_validation_picture_does_not_train() -> None:
    twins = [
        picture("fine/a.jpg", look="alike", split="validation"),
        picture("burnt/b.jpg", look="alike", split="train"),
        picture("fine/c.jpg", look="alike", split="validation"),
    ]
    selection = select(prepared([*twins, *FINE, *BURNT]))
    by_path = sides(selection)
    assert by_path["fine/a.jpg"] == by_path["fine/c.jpg"] == "validation"
    assert list(left(selection)) == ["burnt/b.jpg"]
    reason = "near duplicate of a validation picture with another label: fine/"
    assert left(selection)["burnt/b.jpg"].startswith(reason)


def test_too_few_pictures_of_a_class_are_refused_with_numbers() -> None:
    selection = select(prepared([*FINE, *class_of("rare", 2)]), validation_percent=1)
    (fault,) = faults(selection, max_refused_percent=5)
    assert "too few pictures of 1 of 2 classes: each needs 2 for training and 1 for" in fault
    assert "there are: 'rare': 2 and 0; add pictures" in fault


REFUSED = [Refusal(f"fine/bad{i}.jpg", "ends too early") for i in range(10)]


def test_more_refused_pictures_than_allowed_stop_it_with_names() -> None:
    selection = select(prepared([*REFUSED, *FINE[:190]]))
    assert faults(selection, max_refused_percent=5) == []
    (fault,) = faults(selection, max_refused_percent=4.9)
    assert fault.startswith("10 of 200 pictures are refused, more than dataset.max_refused_percent")
    assert "\n  fine/bad0.jpg: ends too early\n" in fault
    assert fault.endswith("\n  and 5 more")


def test_copies_do_not_count_as_refused() -> None:
    copies = [picture(f"fine/copy{i}.jpg", pixels="x") for i in range(50)]
    assert faults(select(prepared([*copies, *FINE])), max_refused_percent=0) == []
