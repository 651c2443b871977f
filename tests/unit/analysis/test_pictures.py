import io
import struct
import subprocess
import sys
from contextlib import suppress
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analysis.pictures import THUMBNAIL_SIDE, data_uri, decode, fingerprint, format_of, thumbnail
from tests import odd_pictures
from tests.mutations import bounded, mutated

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
PNG = b"\x89PNG\r\n\x1a\n"
ODD = {
    name: picture
    for name, picture in odd_pictures.refused().items()
    # Pillow shows these, which the endpoint does not take.
    if picture.error != "UnsupportedImageFormat" or "svg" in name or "avif" in name
}


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_recognised_and_decoded(kind: str) -> None:
    content = encoded(Image.new("RGB", (16, 8), (200, 30, 40)), kind)

    assert format_of(content) == kind
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
    assert format_of(content) is None
    with pytest.raises(ValueError, match="cannot be decoded as a picture"):
        fingerprint(content)


def test_a_small_picture_is_shown_enlarged_pixel_by_pixel() -> None:
    pixels = Image.effect_noise((32, 16), 80).convert("RGB")
    times = THUMBNAIL_SIDE // 32

    shown = thumbnail(encoded(pixels, "PNG"))

    assert shown
    enlarged = decode(shown)
    assert enlarged.size == (32 * times, 16 * times)
    assert enlarged.resize((32, 16), Image.Resampling.NEAREST).tobytes() == pixels.tobytes()
    assert data_uri(shown).startswith("data:image/png;base64,")


def test_a_large_picture_is_shown_reduced_without_metadata() -> None:
    large = Image.effect_noise((60, 30), 80).resize((4000, 2000)).convert("RGB")
    exif = Image.Exif()
    exif[odd_pictures.ORIENTATION] = 6
    content = odd_pictures.encoded(large, "JPEG", exif=exif, comment=b"me", icc_profile=b"me" * 99)

    shown = thumbnail(content)

    assert shown
    assert data_uri(shown).startswith("data:image/jpeg;base64,")
    assert len(shown) < 20_000
    with Image.open(io.BytesIO(shown)) as reduced:
        assert reduced.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2)
        assert not {"exif", "comment", "icc_profile"} & reduced.info.keys()


def test_a_damaged_picture_is_not_shown() -> None:
    assert thumbnail(encoded(Image.new("RGB", (900, 900)), "JPEG")[:-100]) is None


def test_a_cut_picture_is_not_decoded() -> None:
    content = encoded(Image.effect_noise((16, 8), 80), "PNG")

    with pytest.raises(ValueError, match="cannot be decoded as a picture"):
        decode(content[: len(content) // 2])


@pytest.mark.parametrize("name", ODD)
def test_what_the_workflow_refuses_is_an_input_that_cannot_be_decoded(name: str) -> None:
    with pytest.raises(ValueError, match="^input cannot be decoded as a picture: ") as refusal:
        decode(ODD[name].content)
    assert len(str(refusal.value)) < 200


def test_whatever_pillow_raises_is_the_fault_of_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = encoded(Image.new("RGB", (4, 4)), "PNG")
    for error in (AssertionError(), IndexError("index out of range"), MemoryError(), struct.error):
        monkeypatch.setattr(Image.Image, "convert", Mock(side_effect=error))
        with pytest.raises(ValueError, match="cannot be decoded as a picture"):
            decode(content)


def test_what_pillow_warns_of_is_not_printed() -> None:
    header = b"Exif\0\0II*\0\x08\0\0\0"
    tags = b"".join(struct.pack("<HHLL", tag, 1, 200, 100) for tag in range(1, 1000))
    exif = header + struct.pack("<H", 999) + tags + bytes(4)
    start, rest = encoded(Image.new("RGB", (4, 4)), "JPEG").split(b"JFIF")
    # Other letters, or Pillow does not look for the resolution in the EXIF.
    content = start + b"JFIX" + rest[:10] + struct.pack(">HH", 0xFFE1, len(exif) + 2) + exif
    content += rest[10:]
    script = "import sys; from analysis.pictures import decode; decode(sys.stdin.buffer.read())"

    run = subprocess.run([sys.executable, "-c", script], input=content, capture_output=True)

    assert (run.returncode, run.stderr[:1000]) == (0, b"")


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.new("1", (25_000, 1_001)), "TIFF"),
        encoded(Image.new("1", (25_000, 1_001)), "BMP"),
        # A TIFF of 1 x 1 pixels in one tile of 30,000 x 30,000.
        b"II*\0\x08\0\0\0\x07\0"
        + b"".join(
            struct.pack("<HHII", tag, 4, 1, value)
            for tag, value in (
                *((256, 1), (257, 1), (258, 8), (262, 1)),
                *((322, 30_000), (323, 30_000), (324, 200)),
            )
        )
        + bytes(100),
    ],
    ids=["tiff", "bmp", "tile"],
)
def test_more_pixels_than_the_workflow_takes_are_not_decoded(content: bytes) -> None:
    with pytest.raises(ValueError, match="pixels; allowed: 25,000,000"):
        decode(content)


SEEDS = [
    *(encoded(Image.effect_noise((16, 8), 80).convert("RGB"), kind) for kind in FORMATS),
    *(picture.content for picture in odd_pictures.accepted().values()),
]


@settings(max_examples=5 * settings().max_examples)
@given(mutated(st.sampled_from(SEEDS)), st.booleans())
def test_a_damaged_picture_is_decoded_or_refused(content: bytes, intact: bool) -> None:
    content = with_checksums(content) if intact else content
    # 25 million pixels take 100 MB in RGB, and as much in their own mode.
    with bounded(megabytes=400, seconds=30), suppress(ValueError):
        assert decode(content).mode == "RGB"


def with_checksums(content: bytes) -> bytes:
    """Return a PNG whose checksums are right, so that Pillow reads on; anything else as it is."""
    if not content.startswith(PNG):
        return content
    repaired, position = PNG, len(PNG)
    while position + 12 <= len(content):
        length = struct.unpack_from(">I", content, position)[0]
        body = content[position + 8 : position + 8 + length]
        repaired += odd_pictures.chunk(content[position + 4 : position + 8], body)
        position += 12 + length
    return repaired
