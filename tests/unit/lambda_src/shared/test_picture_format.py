import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lambda_src.shared import picture_format
from lambda_src.shared.picture_format import MAX_PIXELS, MAX_SCANS, MAX_SEGMENTS, check
from localcloud.algorithm import features
from tests import odd_pictures
from tests.unit.lambda_src.hostile import fuzzed, outcome

ACCEPTED = odd_pictures.accepted()
REFUSED = odd_pictures.refused()
FAULTS = {refused.error for refused in REFUSED.values()}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_whole_picture_has_its_media_type(name: str) -> None:
    expected = "image/png" if name.endswith(".png") else "image/jpeg"

    assert check(ACCEPTED[name].content, "it") == expected


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_by_name(name: str) -> None:
    content, error, cause = REFUSED[name]

    with pytest.raises(getattr(picture_format, error)) as caught:
        check(content, "s3://pictures/odd")

    assert str(caught.value).startswith("s3://pictures/odd")
    assert cause in str(caught.value)


@pytest.mark.parametrize("name", ["rgb.png", "animated.png", "rgb.jpg", "progressive.jpg"])
def test_a_picture_that_ends_anywhere_too_early_is_truncated(name: str) -> None:
    content = ACCEPTED[name].content

    for length in range(8, len(content)):
        with pytest.raises(picture_format.ImageTruncated):
            check(content[:length], "it")


def test_the_limits_themselves_are_taken() -> None:
    assert check(odd_pictures.png_that_claims(5000, MAX_PIXELS // 5000), "it")
    with pytest.raises(picture_format.TooManyPixels):
        check(odd_pictures.png_that_claims(5000, MAX_PIXELS // 5000 + 1), "it")

    scans = odd_pictures.jpeg_of_many_scans(0).count(b"\xff\xda")
    assert check(odd_pictures.jpeg_of_many_scans(MAX_SCANS - scans), "it")
    with pytest.raises(picture_format.TooManyScans):
        check(odd_pictures.jpeg_of_many_scans(MAX_SCANS - scans + 1), "it")


# Pillow's: IHDR, IDAT, IEND; and APP0, two DQT, SOF, four DHT, SOS, EOI.
@pytest.mark.parametrize(("name", "own"), [("rgb.png", 3), ("rgb.jpg", 10)])
def test_as_many_segments_as_the_limit_are_taken(name: str, own: int) -> None:
    content = ACCEPTED[name].content

    assert check(odd_pictures.with_more_segments(content, MAX_SEGMENTS - own), "it")
    with pytest.raises(picture_format.TooManySegments):
        check(odd_pictures.with_more_segments(content, MAX_SEGMENTS - own + 1), "it")


# Of them, some look like the beginning or the end of something.
ODD_BYTES = [b"", b"\xff", b"\0", b"\xff\xd8", b"\xff\xd9", b"\xff\xda\0\2", b"IEND", b"\xff" * 9]


@fuzzed
@given(
    content=st.sampled_from([each.content for each in ACCEPTED.values()]),
    cuts=st.lists(
        st.tuples(
            st.integers(0, 4000),
            st.integers(0, 9),
            st.sampled_from(ODD_BYTES) | st.binary(max_size=9),
        ),
        max_size=5,
    ),
)
def test_any_bytes_are_a_picture_or_refused_by_name(
    content: bytes, cuts: list[tuple[int, int, bytes]]
) -> None:
    for start, length, other in cuts:
        content = content[:start] + other + content[start + length :]

    found = outcome(lambda: check(content, "s3://pictures/odd"), *FAULTS)

    assert found in ("image/png", "image/jpeg") or str(found).startswith("s3://pictures/odd")


def test_restart_markers_among_the_pixels_are_no_end() -> None:
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = odd_pictures.encoded(
        Image.fromarray(noisy), "JPEG", quality=100, restart_marker_blocks=1
    )
    assert content.count(b"\xff\xd7") and content.count(b"\xff\0")

    assert check(content, "it") == "image/jpeg"


def test_the_local_endpoint_decodes_as_many_pixels() -> None:
    assert features.MAX_PIXELS == MAX_PIXELS
