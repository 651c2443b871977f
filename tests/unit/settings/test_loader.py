from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from settings import SettingsError, available_environments, load
from settings.loader import validate


def accept(**values: Any) -> Any:
    return validate(values, environment="test", source="test.toml")


def refusal(**values: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        accept(**values)
    return str(refused.value)


@pytest.mark.parametrize("environment", available_environments())
def test_every_environment_of_the_project_loads(environment: str) -> None:
    assert load(environment).environment == environment


def test_dev_and_prod_are_there() -> None:
    assert available_environments() == ["dev", "prod"]


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


def test_broken_toml_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").write_text("[workflow\n")

    with pytest.raises(SettingsError, match=r"dev.toml: not valid TOML"):
        load("dev", tmp_path)


def test_a_file_is_read_and_named_when_refused(tmp_path: Path) -> None:
    (tmp_path / "dev.toml").write_text("[workflow]\nconfidence_threshold = 1.5\n")

    with pytest.raises(SettingsError) as refused:
        load("dev", tmp_path)

    message = str(refused.value)
    assert str(tmp_path / "dev.toml") in message
    assert "workflow.confidence_threshold = 1.5" in message
    assert "less than or equal to 1" in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"workflw": {}}, "workflw = {}: unknown key; allowed here: dataset, training"),
        (
            {"workflow": {"threshold": 0.9}},
            "workflow.threshold = 0.9: unknown key; allowed here: confidence_threshold",
        ),
        ({"environment": "prod"}, "environment"),
        ({"workflow": {"confidence_threshold": "0.9"}}, "should be a valid number"),
        ({"workflow": {"on_rejection": "ignore"}}, "'report' or 'fail'"),
        ({"training": {"instance_type": "ml.m5.xlarge"}}, "allowed: ml.g4dn.*, ml.g5.*"),
        ({"endpoint": {"instance_type": "g4dn.xlarge"}}, "allowed: ml.g4dn.*"),
        ({"training": {"max_runtime_minutes": 60}}, "less than or equal to 45"),
        ({"training": {"hyperparameters": {"num_layers": 20}}}, "18, 34, 50"),
        ({"dataset": {"classes": ["bicycle"]}}, "at least 2 items"),
        ({"dataset": {"classes": ["bicycle", "bicycle"]}}, "name each class once"),
        ({"notifications": {"emails": ["nobody"]}}, "notifications.emails.0 = 'nobody'"),
        ({"training": {"model_data_url": "s3://bucket/model"}}, "model_data_url = 's3://bucket/"),
        (
            {"training": {"initial_model_data_url": "https://bucket/model.tar.gz"}},
            "initial_model_data_url = 'https://bucket/",
        ),
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
        ({"training": {"spot": True}}, "training.spot = True"),
        ({"workflow": {"rejection_style": "shout"}}, "'status' or 'raise'"),
        ({"capture": {"sampling_percentage": 0}}, "greater than or equal to 1"),
        ({"retention": {"removal": "keep"}}, "'destroy' or 'retain'"),
    ],
)
def test_a_wrong_setting_names_key_value_and_what_is_allowed(
    values: dict[str, Any], says: str
) -> None:
    assert says in refusal(**values)


def test_every_wrong_setting_is_named_at_once() -> None:
    message = refusal(workflow={"max_concurrency": 0}, capture={"expire_days": "many"})

    assert "workflow.max_concurrency = 0" in message
    assert "capture.expire_days = 'many'" in message
