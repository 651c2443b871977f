"""Which files are taken for pictures, and how the others are named."""

import numpy as np
import pytest
from PIL import Image

from lambda_src.serialize_image import pictures
from lambda_src.serialize_image.pictures import MAX_PIXELS, MAX_SCANS, check
from localcloud.algorithm import features
from tests import odd_pictures

ACCEPTED = odd_pictures.accepted()
REFUSED = odd_pictures.refused()


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_whole_picture_has_its_media_type(name: str) -> None:
    expected = "image/png" if name.endswith(".png") else "image/jpeg"

    assert check(ACCEPTED[name].content, "it") == expected


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_by_name(name: str) -> None:
    content, error, cause = REFUSED[name]

    with pytest.raises(getattr(pictures, error)) as caught:
        check(content, "s3://pictures/odd")

    assert str(caught.value).startswith("s3://pictures/odd")
    assert cause in str(caught.value)


@pytest.mark.parametrize("name", ["rgb.png", "animated.png", "rgb.jpg", "progressive.jpg"])
def test_a_picture_that_ends_anywhere_too_early_is_truncated(name: str) -> None:
    content = ACCEPTED[name].content

    for length in range(8, len(content)):
        with pytest.raises(pictures.ImageTruncated):
            check(content[:length], "it")


def test_the_limits_themselves_are_taken() -> None:
    assert check(odd_pictures.png_that_claims(5000, MAX_PIXELS // 5000), "it")
    with pytest.raises(pictures.TooManyPixels):
        check(odd_pictures.png_that_claims(5000, MAX_PIXELS // 5000 + 1), "it")

    scans = odd_pictures.jpeg_of_many_scans(0).count(b"\xff\xda")
    assert check(odd_pictures.jpeg_of_many_scans(MAX_SCANS - scans), "it")
    with pytest.raises(pictures.TooManyScans):
        check(odd_pictures.jpeg_of_many_scans(MAX_SCANS - scans + 1), "it")


def test_restart_markers_among_the_pixels_are_no_end() -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = odd_pictures.encoded(
        Image.fromarray(noisy), "JPEG", quality=100, restart_marker_blocks=1
    )
    assert content.count(b"\xff\xd7") and content.count(b"\xff\0")

    assert check(content, "it") == "image/jpeg"


def test_the_local_endpoint_decodes_as_many_pixels() -> None:
    assert features.MAX_PIXELS == MAX_PIXELS
