"""Good and bad files of all kinds through the deployed workflow, side by side."""

from typing import Any

import pytest

from stacks.constructs.common.picture_results import STATUS_OF_ERROR
from tests import odd_pictures
from tests.local.deployment import Deployment

ACCEPTED = odd_pictures.accepted()
LARGE = odd_pictures.noise(5_000_000)  # travels by reference
REFUSED = odd_pictures.refused() | {
    "too large.png": odd_pictures.Refused(
        odd_pictures.noise(6 * 1024 * 1024 + 1), "ImageTooLarge", "6,291,457 bytes"
    ),
    # Whole as far as its structure goes; only the model sees that there are no pixels.
    "hollow.png": odd_pictures.Refused(
        odd_pictures.png_that_claims(32, 32), "ImageRefused", "the model answered 400"
    ),
}


def classify(deployment: Deployment, files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """Result of each file, by its name, in the order of the results of one execution."""
    for name, content in files.items():
        deployment.put(f"odd/{name}", content)
    output = deployment.classify(*(f"odd/{name}" for name in files))
    return {result["body"]["s3_key"].removeprefix("odd/"): result for result in output["results"]}


def in_turn(good: dict[str, bytes], bad: dict[str, bytes]) -> dict[str, bytes]:
    """Both, a bad one behind each good one as long as there are bad ones."""
    names = list(good)
    for position, name in enumerate(bad):
        names.insert(2 * position + 1, name)
    files = good | bad
    return {name: files[name] for name in names}


@pytest.fixture(scope="module")
def results(deployment: Deployment) -> dict[str, dict[str, Any]]:
    good = {name: each.content for name, each in ACCEPTED.items()} | {"large.png": LARGE}
    bad = {name: each.content for name, each in REFUSED.items()}
    return classify(deployment, in_turn(good, bad))


def test_each_has_its_verdict_in_the_order_of_the_input(
    deployment: Deployment, results: dict[str, dict[str, Any]]
) -> None:
    good = dict.fromkeys([*ACCEPTED, "large.png"], b"")
    assert list(results) == list(in_turn(good, dict.fromkeys(REFUSED, b"")))
    failed = {name: each for name, each in results.items() if each["verdict"] == "failed"}
    assert {name: (each["error"], each["statusCode"]) for name, each in failed.items()} == {
        name: (each.error, STATUS_OF_ERROR[each.error]) for name, each in REFUSED.items()
    }
    for name, result in failed.items():
        assert result["cause"].startswith(f"s3://{deployment.data_bucket}/odd/{name}")
        assert REFUSED[name].cause in result["cause"]


def test_each_is_classified_as_the_pixels_that_pillow_shows(
    deployment: Deployment, results: dict[str, dict[str, Any]]
) -> None:
    shown = {name: each.rgb for name, each in ACCEPTED.items()}
    shown["large.png"] = odd_pictures.as_pillow_shows(LARGE)

    as_shown = classify(
        deployment, {name: odd_pictures.encoded(rgb) for name, rgb in shown.items()}
    )

    assert {name: results[name]["body"]["inferences"] for name in shown} == {
        name: each["body"]["inferences"] for name, each in as_shown.items()
    }
    assert len({tuple(each["body"]["inferences"]) for each in as_shown.values()}) > 5
