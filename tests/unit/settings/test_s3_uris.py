import string
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from settings.s3_uris import S3Uri, S3UriError, is_s3

ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/ours"
ODD_KEYS = (
    *("bay/\x01.png", "week 28/", "week #1.png", "why?.png", "/lead.png", "bay//double.png"),
    *("a b+c.png", "ü.png", "100%.png", "a%2Fb", "captures#2", "../up", ""),
)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_is_taken_as_it_is_written(key: str) -> None:
    assert S3Uri.parse(f"s3://my-bucket/{key}") == S3Uri("my-bucket", key)


def test_a_bucket_needs_no_slash() -> None:
    assert S3Uri.parse("s3://my-bucket") == S3Uri.parse("s3://my-bucket/")
    assert str(S3Uri.parse("s3://my-bucket")) == "s3://my-bucket/"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not an S3 URI; expected s3://BUCKET/KEY"),
        ("my-bucket/key", "'my-bucket/key' is not an S3 URI"),
        ("S3://my-bucket/key", "is not an S3 URI"),
        ("s3:/my-bucket/key", "is not an S3 URI"),
        ("https://my-bucket.s3.amazonaws.com/key", "is not an S3 URI"),
        ("s3://", "names no bucket"),
        ("s3:///key", "names no bucket"),
        ("s3://My_Bucket/key", "'My_Bucket' of 's3://My_Bucket/key': no bucket has such a name"),
        ("s3://my..bucket", "no two dots in a row"),
        ("s3://10.0.0.1/key", "no IP address"),
        ("s3://ab/key", "3 to 63"),
        (f"s3://{'a' * 64}/key", "3 to 63"),
        ("s3://my-bucket?versions", "no bucket has such a name"),
        ("s3://my-bucket\n/key", r"'my-bucket\n'"),
        ("s3://my-bucket/\ud800", r"key '\ud800' has half of a surrogate pair"),
        (f"s3://my-bucket/{'ü' * 513}", "has 1,026 bytes; a key has at most 1,024"),
        (f"s3://{'/' * 100_000}", "names no bucket"),
        (
            f"{ACCESS_POINT}/object/key",
            "is an ARN, such as that of an access point; name the bucket",
        ),
        (f"s3://{ACCESS_POINT}/key", "access point"),
        ("arn:aws-cn:s3:::my-bucket/key", "name the bucket itself: s3://BUCKET/KEY"),
    ],
)
def test_what_is_no_bucket_and_key_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(S3UriError) as refusal:
        S3Uri.parse(text)

    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 1000


def test_an_object_has_a_key() -> None:
    assert S3Uri.parse_object("s3://my-bucket/a/") == S3Uri("my-bucket", "a/")
    with pytest.raises(S3UriError, match="'s3://my-bucket' names no object; expected s3://my-buck"):
        S3Uri.parse_object("s3://my-bucket")


def test_what_is_meant_to_be_in_s3_is_never_taken_for_a_file() -> None:
    for location in ("s3://my-bucket", "S3://my-bucket", "s3:/my-bucket", "arn:aws:s3:::my-bucket"):
        assert is_s3(location), location
    assert not is_s3("s3/captures")
    assert not is_s3("./s3:captures")


def _mutations(uri: str) -> st.SearchStrategy[str]:
    """Return texts that differ from the URI by a few characters taken out or put in."""
    anything = st.text(st.characters(exclude_categories=()), max_size=4)
    edit = st.tuples(st.integers(0, len(uri)), st.integers(0, 6), anything)
    return st.lists(edit, max_size=3).map(lambda edits: _edited(uri, edits))


def _edited(uri: str, edits: list[tuple[int, int, str]]) -> str:
    for start, length, new in edits:
        uri = uri[:start] + new + uri[start + length :]
    return uri


URIS = st.sampled_from([f"s3://my-bucket.1/{key}" for key in ODD_KEYS]).flatmap(_mutations)
BUCKET_CHARACTERS = {*string.ascii_lowercase, *string.digits, *".-"}


@pytest.mark.parametrize("parse", [S3Uri.parse, S3Uri.parse_object])
@given(text=URIS)
@example(text="s3://my-bucket/\x00")
def test_any_text_is_a_bucket_and_key_or_refused(parse: Callable[[str], S3Uri], text: str) -> None:
    try:
        uri = parse(text)
    except S3UriError as error:
        refusal = str(error)
        assert refusal.isprintable()
        return

    assert text in (str(uri), str(uri).removesuffix("/"))
    assert is_s3(text)
    assert 3 <= len(uri.bucket) <= 63
    assert set(uri.bucket) <= BUCKET_CHARACTERS
    assert len(uri.key.encode()) <= 1024
