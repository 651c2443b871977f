import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ValidationError

from settings import Settings, SettingsError, available_environments, load
from settings.loader import settings_folder, validate
from tests.mutations import bounded, mutated


def accept(**values: Any) -> Any:
    return validate(values, environment="test", source="test.toml")


def refusal(**values: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        accept(**values)
    return str(refused.value)


def updates(instance_count: int, autoscaling: Any = None, **policy: Any) -> dict[str, Any]:
    """Settings of an endpoint whose updates are watched."""
    return {
        "endpoint": {
            "instance_count": instance_count,
            "autoscaling": autoscaling or {},
            "update_policy": {"rollback_on_alarms": True, **policy},
        }
    }


def test_every_environment_of_the_project_loads() -> None:
    assert available_environments() == ["acceptance", "dev", "prod"]
    for environment in available_environments():
        assert load(environment).environment == environment


def test_names_follow_from_the_environment() -> None:
    settings = load("prod")

    assert settings.stack_name("Storage") == "Scones-prod-Storage"
    assert settings.endpoint_name == "scones-prod"
    assert settings.dataset_parameter == "/scones/prod/dataset"


def test_settings_are_frozen() -> None:
    settings = load("dev")

    with pytest.raises(ValidationError, match="frozen"):
        settings.workflow.confidence_threshold = 0.5


def test_an_unknown_environment_names_those_that_are_there() -> None:
    with pytest.raises(SettingsError, match=r"'staging' has no settings file.*dev, prod"):
        load("staging")


COMMENTED = "# Einstellungen f\N{LATIN SMALL LETTER U WITH DIAERESIS}r alle\n"
THRESHOLD = "[workflow]\nconfidence_threshold = 0.9\n"


def read(content: bytes, folder: Path) -> Any:
    (folder / "dev.toml").write_bytes(content)
    return load("dev", folder)


def refusal_of_file(content: bytes, folder: Path) -> str:
    with pytest.raises(SettingsError) as refused:
        read(content, folder)
    return str(refused.value)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_any_newline_and_with_a_byte_order_mark(
    encoding: str, newline: str, tmp_path: Path
) -> None:
    content = (COMMENTED + THRESHOLD).replace("\n", newline).encode(encoding)

    assert read(content, tmp_path).workflow.confidence_threshold == 0.9


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ((THRESHOLD + COMMENTED).encode("cp1252"), "line 3, column 18: byte 0xfc is not UTF-8"),
        (COMMENTED.encode("utf-16"), "line 1, column 1: byte 0xff is not UTF-8"),
        (COMMENTED.encode("utf-32"), "line 1, column 1: byte 0xff is not UTF-8"),
        (THRESHOLD.encode("utf-16-le"), "line 1, column 2: byte 0x00 is not text"),
        (THRESHOLD.encode("utf-16-be"), "line 1, column 1: byte 0x00 is not text"),
        (b"\xff\xfea", "line 1, column 1: byte 0xff is not UTF-8"),
        (b"# \xed\xa0\x80", "line 1, column 3: byte 0xed is not UTF-8"),
        (b"\xef\xbb\xbf# \xfc", "line 1, column 3: byte 0xfc is not UTF-8"),
    ],
)
def test_another_encoding_is_refused_where_it_shows(
    content: bytes, says: str, tmp_path: Path
) -> None:
    message = refusal_of_file(content, tmp_path)

    assert message == f"{tmp_path / 'dev.toml'}: {says}; save it as UTF-8"


@pytest.fixture
def usual_recursion_limit() -> Iterator[None]:
    """Undo what the evaluator of JSONata does to a process that used it once."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("usual_recursion_limit")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[workflow\n", "not valid TOML: "),
        ('a = """' + '\\"x' * 10000, "not valid TOML: "),
        ("[workflow]\nconfidence_threshold = 1.5", "threshold = 1.5: Input should be less"),
        ("a = " + "[" * 3000 + "]" * 3000, "nested too deeply; allowed: the sections and lists"),
        ("a" + ".a" * 3000 + " = 1", "a = (too large to show): unknown key; allowed here: dataset"),
        ("[bulk]\nthreads = " + "1" * 5000, "not valid TOML: Exceeds the limit"),
        ("[bulk]\nthreads = 0x" + "f" * 5000, "bulk.threads = (too large to show): Input should"),
        ("[workflow]\nconfidence_threshold = 0x" + "f" * 300, "confidence_threshold = 17"),
        ("# " + "x" * 32768, "larger than 32768 bytes; keep only settings in it"),
    ],
)
def test_a_refused_file_is_named_with_the_reason(content: str, says: str, tmp_path: Path) -> None:
    message = refusal_of_file(content.encode(), tmp_path)

    assert message.startswith(f"{tmp_path / 'dev.toml'}: ")
    assert says in message
    assert len(message) < 1000


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")

    for name in ("folder", "pipe", "device", "gone"):
        with pytest.raises(SettingsError, match=rf"{name}\.toml: is not a file; make it one"):
            load(name, tmp_path)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "here.toml").symlink_to(settings_folder() / "dev.toml")

    assert load("here", tmp_path).workflow == load("dev").workflow


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"workflw": {}}, "workflw = {}: unknown key; allowed here: dataset, training"),
        ({"workflow": {"threshold": 0.9}}, "threshold = 0.9: unknown key; allowed here: confid"),
        (
            {"training": {"volume_size_gb": 20}},
            "training.volume_size_gb = 20: no longer a setting (volumes have 10 GB); remove it",
        ),
        (
            {"endpoint": {"update_policy": {"max_execution_seconds": 7200}}},
            "max_execution_seconds = 7200: no longer a setting (at least an hour",
        ),
        (
            {"endpoint": {"autoscaling": {"scale_out_cooldown_seconds": 30}}},
            "scale_out_cooldown_seconds = 30: no longer a setting (60 s); remove it",
        ),
        ({"environment": "prod"}, "environment"),
        ({"workflow": {"confidence_threshold": "0.9"}}, "should be a valid number"),
        ({"workflow": {"on_rejection": "ignore"}}, "'report' or 'fail'"),
        ({"training": {"instance_type": "ml.m5.xlarge"}}, "allowed: ml.g4dn.*, ml.g5.*"),
        ({"endpoint": {"instance_type": "g4dn.xlarge"}}, "allowed: ml.g4dn.*"),
        ({"training": {"max_runtime_minutes": 60}}, "less than or equal to 45"),
        ({"training": {"hyperparameters": {"num_layers": 20}}}, "18, 34, 50"),
        ({"training": {"hyperparameters": {"epochs": 10**15}}}, "less than or equal to 100000"),
        ({"dataset": {"classes": ["bicycle"]}}, "at least 2 items"),
        ({"dataset": {"classes": ["bicycle", "bicycle"]}}, "name each class once"),
        ({"dataset": {"classes": ["bicycle", "a\n"]}}, "allowed: 1 to 64 printable"),
        ({"dataset": {"side": 64}}, "no effect with dataset.source = 'cifar-100'"),
        ({"dataset": {"source": "folder", "group_pattern": "("}}, "not a regular expression"),
        ({"dataset": {"classes": "bicycle"}}, "dataset.classes = 'bicycle': allowed: a list"),
        ({"endpoint": {"instance_type": "ml.g5."}}, "endpoint.instance_type = 'ml.g5.': allowed"),
        ({"training": {"instance_type": "ml.g5.big"}}, "training.instance_type = 'ml.g5.big'"),
        ({"notifications": {"emails": ["nobody"]}}, "notifications.emails.0 = 'nobody'"),
        ({"training": {"model_data_url": "s3://bucket/model"}}, "model_data_url = 's3://bucket/"),
        ({"training": {"model_data_url": "s3://bucket/*.tar.gz"}}, "in the key letters, digits"),
        ({"training": {"model_data_url": "s3://bucket/{{a}}.tar.gz"}}, "in the key letters"),
        ({"training": {"initial_model_data_url": "https://bucket/model"}}, "= 'https://"),
        (
            {
                "training": {
                    "model_data_url": "s3://bucket/model.tar.gz",
                    "initial_model_data_url": "s3://bucket/model.tar.gz",
                }
            },
            "nothing is trained with training.model_data_url; remove one of the two",
        ),
        (
            {"training": {"spot": {"enabled": True, "max_wait_minutes": 39}}},
            "training.spot.max_wait_minutes = 39: allowed: training.max_runtime_minutes = 40 or",
        ),
        ({"training": {"spot": {"max_wait_minutes": 46}}}, "less than or equal to 45"),
        ({"training": {"spot": True}}, "training.spot = True: allowed: a section, [training.spot]"),
        ({"workflow": {"rejection_style": "shout"}}, "'status' or 'raise'"),
        ({"workflow": {"max_concurrency": 41}}, "less than or equal to 40"),
        ({"capture": {"sampling_percentage": 0}}, "greater than or equal to 1"),
        ({"retention": {"removal": "keep"}}, "'destroy' or 'retain'"),
        ({"drift": {"class_shares": [0.7, 0.2]}}, "class_shares = [0.7, 0.2]: allowed: 2 shares"),
        ({"drift": {"class_shares": [0.5, 0.3, 0.2]}}, "each of dataset.classes, whose sum is 1"),
        ({"drift": {"class_shares": [0.0, 1.0]}}, "class_shares.0 = 0.0: Input should be"),
        ({"tags": {"owner": "you & me"}}, "tags.owner = 'you & me'"),
        (
            {"endpoint": {"instance_count": 5, "autoscaling": {"enabled": True}}},
            "instance_count = 5 is not between endpoint.autoscaling.min_instances = 1 and "
            "max_instances = 4; set it",
        ),
        (
            {"endpoint": {"autoscaling": {"enabled": True, "min_instances": 2}}},
            "instance_count = 1 is not between endpoint.autoscaling.min_instances = 2",
        ),
        (
            {"endpoint": {"autoscaling": {"invocations_per_instance": 0}}},
            "invocations_per_instance = 0",
        ),
        ({"endpoint": {"autoscaling": {"invocations_per_instance": 10**30}}}, "equal to 1000000"),
        ({"endpoint": {"update_policy": {"type": "blue"}}}, "'all-at-once', 'canary' or 'linear'"),
        (
            {"endpoint": {"instance_count": 2, "update_policy": {"type": "canary"}}},
            "set endpoint.update_policy.rollback_on_alarms = true",
        ),
        (
            updates(1, type="canary"),
            "would move less than one instance; set endpoint.instance_count to at least 2, "
            "or type to 'all-at-once'",
        ),
        (
            updates(2, type="linear", linear_step_percent=10),
            "set endpoint.instance_count to at least 10, or linear_step_percent to at least 50, "
            "or type to 'all-at-once'",
        ),
        (updates(2, type="canary", autoscaling={"enabled": True}), "min_instances to at least 2"),
        (updates(4, type="canary", canary_percent=60), "less than or equal to 50"),
        (updates(4, wait_interval_seconds=60), "greater than or equal to 180"),
        (
            updates(10, type="linear", linear_step_percent=10, wait_interval_seconds=3000),
            "waits 27300 s in all; allowed: up to 27000 s, with fewer steps or shorter waits",
        ),
    ],
)
def test_a_wrong_setting_names_key_value_and_what_is_allowed(
    values: dict[str, Any], says: str
) -> None:
    assert says in refusal(**values)


QUEUE = "arn:aws:sqs:us-east-1:111122223333:queue"


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("sms", "01701234567"),
        ("sms", "+0123456789"),
        ("sms", "+12345"),
        ("sms", "+49 170 1234567"),
        ("sms", "+4917\N{ARABIC-INDIC DIGIT ZERO}1234567"),
        ("emails", "a@example"),
        ("emails", "a@example..com"),
        ("emails", "a@.com"),
        ("emails", "a@b@example.com"),
        ("https", "http://example.com/in"),
        ("https", "https:///in"),
        ("https", "example.com"),
        ("sqs", "https://sqs.us-east-1.amazonaws.com/111122223333/queue"),
        ("sqs", "arn:aws:sns:us-east-1:111122223333:topic"),
        # Patterns whose time grows with the square of the length take half a minute.
        ("emails", "a@" + "." * 60_000 + "@"),
        ("emails", "a@" + "b." * 30_000 + "@"),
        ("https", "https://" + "a" * 60_000 + " "),
        ("sqs", "arn:aws" + "-a" * 30_000),
    ],
    ids=lambda value: value[:20],
)
def test_a_wrong_address_is_named(kind: str, wrong: str) -> None:
    assert f"notifications.{kind}.0 = {wrong[:55]!r}"[:-1] in refusal(notifications={kind: [wrong]})


ADDRESSES = {
    "emails": "a@example.com",
    "sms": "+491701234567",
    "https": "https://example.com/in",
    "sqs": QUEUE,
}


@pytest.mark.parametrize("kind", ADDRESSES)
def test_subscribers_are_named_once_and_of_a_kind_that_the_topic_takes(kind: str) -> None:
    address = ADDRESSES[kind]
    twice = refusal(notifications={kind: [address, address]})

    assert f"notifications.{kind}: duplicate {address}" in twice
    if kind == "sqs":
        message = refusal(notifications={"sqs": [QUEUE, f"{QUEUE}.fifo"]})
        says = f"{QUEUE}.fifo: a standard topic takes no FIFO queue"
        other = "fifo"
    else:
        message = refusal(notifications={"topic": "fifo", kind: [address]})
        says = f"a FIFO topic takes SQS queues only; remove {address}"
        other = "standard"
    assert f"notifications.{kind}: {says}" in message
    assert f"set notifications.topic to '{other}'" in message


@pytest.mark.parametrize(
    "values",
    [
        updates(1),
        updates(2, type="canary"),
        updates(3, type="canary", canary_percent=34),
        updates(10, type="linear", linear_step_percent=10, wait_interval_seconds=2900),
        updates(3, type="canary", autoscaling={"enabled": True, "min_instances": 2}),
    ],
)
def test_what_can_be_updated_safely_is_accepted(values: dict[str, Any]) -> None:
    assert accept(**values).endpoint.update_policy.rollback_on_alarms


def test_traffic_has_the_classes_evenly_unless_told_otherwise() -> None:
    classes = ["bicycle", "motorcycle", "bus", "tank"]

    assert accept(dataset={"classes": classes}).traffic_shares == (0.25,) * 4
    told = accept(dataset={"classes": classes}, drift={"class_shares": [0.4, 0.3, 0.2, 0.1]})
    assert told.traffic_shares == (0.4, 0.3, 0.2, 0.1)
    own = {"source": "folder", "classes": classes}
    assert accept(dataset=own).traffic_shares == ()  # those of the validation pictures
    assert accept(dataset=own, drift={"class_shares": [0.4, 0.3, 0.2, 0.1]}).traffic_shares


def test_one_name_is_one_class_however_its_accents_are_written() -> None:
    assert accept(dataset={"classes": ["cafe\u0301", "tea"]}).dataset.classes == (
        "caf\u00e9",
        "tea",
    )
    assert "duplicate class" in refusal(dataset={"classes": ["cafe\u0301", "caf\u00e9"]})


def test_a_finished_model_needs_to_have_its_classes_listed() -> None:
    model = {"training": {"model_data_url": "s3://bucket/model.tar.gz"}}

    said = refusal(dataset={"source": "folder"}, **model)
    assert "model_data_url = 's3://bucket/model.tar.gz': " in said
    assert "list dataset.classes as well" in said
    assert accept(dataset={"source": "folder", "classes": ["a", "b"]}, **model)


@pytest.mark.parametrize(
    "values",
    [
        {"training": {"preset": "a" * 60_000}},
        {"training": {"hyperparameters": {"lr_scheduler_step": "1," * 30_000 + "1"}}},
        {"drift": {"class_shares": [0.5] * 10_000}},
        {"notifications": {"emails": ["a@example.com"] * 2_000, "sqs": ["x"] * 2_000}},
        {"notifications": {"emails": [f"{n}@example.com" for n in range(2_000)], "topic": "fifo"}},
        {"workflow": {f"key_{number}": number for number in range(5_000)}},
        {"a" * 60_000: 1},
        {"x": "y" * 60_000},
    ],
    ids=lambda values: next(iter(values))[:20],
)
def test_a_refusal_is_short_whatever_it_refuses(values: dict[str, Any]) -> None:
    said = refusal(**values)

    assert len(said) < 20 * 800
    assert said.startswith("test.toml: settings not accepted:\n  ")


def test_the_end_of_a_long_refusal_is_its_remedy() -> None:
    emails = [f"{number}@example.com" for number in range(2_000)]
    said = refusal(notifications={"emails": emails, "topic": "fifo"})

    assert "a FIFO topic takes SQS queues only; remove 0@example.com, " in said
    assert said.endswith("1999@example.com, or set notifications.topic to 'standard'")


def test_every_wrong_setting_is_named_at_once_or_counted() -> None:
    values: dict[str, Any] = {f"key_{number}": number for number in range(23)}
    said = refusal(workflow={"max_concurrency": 0, **values}, capture={"expire_days": "many"})

    assert "capture.expire_days = 'many'" in said
    assert "workflow.max_concurrency = 0" in said
    assert said.count("unknown key") == 18
    assert said.endswith("\n  and 5 more; remove or change these first")


def test_a_key_cannot_write_to_the_terminal() -> None:
    said = refusal(**{"\x1b[2J": 1})

    assert "\x1b" not in said
    assert r"'\x1b[2J' = 1: unknown key" in said


WRITTEN = [path.read_bytes() for path in sorted(settings_folder().glob("*.toml"))]


@hypothesis.settings(
    max_examples=5 * hypothesis.settings().max_examples,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # one file, written again
)
@given(mutated(st.sampled_from(WRITTEN)))
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "damaged.toml").write_bytes(content)
    with bounded(megabytes=50, seconds=10), suppress(SettingsError):
        assert isinstance(load("damaged", tmp_path), Settings)
