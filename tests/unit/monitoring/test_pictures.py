"""Pictures are told apart by what they show, not by how they are encoded."""

import io

import pytest
from PIL import Image

from monitoring.pictures import decode, fingerprint, is_picture

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_recognised_and_decoded(kind: str) -> None:
    content = encoded(Image.new("RGB", (16, 8), (200, 30, 40)), kind)

    assert is_picture(content)
    assert (decode(content).mode, decode(content).size) == ("RGB", (16, 8))


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_the_encoding_does_not_matter(kind: str) -> None:
    noise = Image.effect_noise((16, 8), 80).convert("RGB")

    assert fingerprint(encoded(noise, kind)) == fingerprint(encoded(noise, "PNG"))


def test_alpha_is_dropped_not_blended() -> None:
    opaque = Image.new("RGB", (4, 4), (200, 30, 40))
    clear = opaque.copy()
    clear.putalpha(0)

    assert fingerprint(encoded(clear, "PNG")) == fingerprint(encoded(opaque, "PNG"))


def test_one_pixel_and_the_shape_matter() -> None:
    wide = Image.new("RGB", (8, 4), (200, 30, 40))
    other = wide.copy()
    other.putpixel((7, 3), (200, 30, 41))
    tall = Image.new("RGB", (4, 8), (200, 30, 40))

    assert len({fingerprint(encoded(each, "PNG")) for each in (wide, other, tall)}) == 3


@pytest.mark.parametrize("content", [b"", b"1,2,3", b"%PDF-1.7", b"[0.5, 0.5]"])
def test_other_content_is_no_picture(content: bytes) -> None:
    assert not is_picture(content)
    with pytest.raises(ValueError, match="cannot be decoded as a picture"):
        fingerprint(content)


def test_a_cut_picture_is_not_decoded() -> None:
    content = encoded(Image.effect_noise((16, 8), 80), "PNG")

    with pytest.raises(ValueError, match="cannot be decoded as a picture"):
        decode(content[: len(content) // 2])
