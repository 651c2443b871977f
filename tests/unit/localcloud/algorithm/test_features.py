import numpy as np
import pytest
from PIL import Image

from localcloud.algorithm.features import MAX_PIXELS, PictureError, decode, describe
from tests import odd_pictures
from tests.odd_pictures import encoded, png_that_claims

ACCEPTED = odd_pictures.accepted()
NOISE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_picture_of_any_kind_is_what_pillow_shows(name: str) -> None:
    content, rgb = ACCEPTED[name]
    assert np.array_equal(decode(content), np.asarray(rgb))


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (640, 480)])
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_pictures_of_any_size_are_resized(size: tuple[int, int], image_format: str) -> None:
    picture = Image.new("RGB", size, (200, 100, 50))
    pixels = decode(encoded(picture, image_format))
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels.astype(int) - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no picture", id="text"),
        pytest.param(encoded(Image.fromarray(NOISE))[:500], id="truncated PNG"),
        pytest.param(encoded(Image.fromarray(NOISE), "JPEG")[:500], id="truncated JPEG"),
        pytest.param(encoded(Image.fromarray(NOISE), "GIF"), id="GIF"),
        pytest.param(png_that_claims(100_000, 100_000), id="decompression bomb"),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match="not a readable PNG or JPEG"):
        decode(data)


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(PictureError, match=f"5001 x 5000 pixels; at most {MAX_PIXELS:,}"):
        decode(png_that_claims(5001, 5000))


def test_blank_picture_has_its_colour_and_no_edges() -> None:
    row = describe(np.full((32, 32, 3), (255, 0, 51), np.uint8))
    edges, means, deviations = np.split(row, [144, 192])
    assert not edges.any()
    assert np.allclose(means.reshape(16, 3), [1, 0, 0.2])
    assert np.allclose(deviations, 0, atol=1e-6)
