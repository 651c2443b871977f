from typing import Any

import pytest

from settings import SettingsError
from settings.loader import validate

CLASSES = ["bicycle", "motorcycle", "pickup_truck"]
PRETRAINED = {"use_pretrained_model": True, "image_shape": "3,224,224", "resize": 256}
PRETRAINED_REQUEST = {"use_pretrained_model": "1", "image_shape": "3,224,224", "resize": "256"}
SMALL = "small-from-scratch"


def training(hyperparameters: dict[str, Any], *, preset: Any = SMALL, **more: Any) -> Any:
    values = {
        "dataset": {"classes": CLASSES},
        "training": {"preset": preset, "hyperparameters": hyperparameters, **more},
    }
    return validate(values, environment="test", source="test.toml").training


def request(hyperparameters: dict[str, Any], **more: Any) -> dict[str, str]:
    written: dict[str, str] = training(hyperparameters, **more).hyperparameters.as_request()
    return written


def refusal(hyperparameters: dict[str, Any], **more: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        training(hyperparameters, **more)
    return str(refused.value)


def test_what_is_not_set_is_left_to_the_algorithm() -> None:
    assert request({}) == {
        "num_layers": "18",
        "epochs": "60",
        "mini_batch_size": "32",
        "learning_rate": "0.01",
        "optimizer": "sgd",
        "augmentation_type": "crop_color",
        "image_shape": "3,32,32",
        "resize": "40",
        "lr_scheduler_step": "40,50",
    }


def test_without_augmentation_the_algorithm_is_told_of_none() -> None:
    assert "augmentation_type" not in request({"augmentation_type": "none"})


def test_the_default_is_the_pretrained_preset() -> None:
    default = validate({}, environment="test", source="test.toml").training.hyperparameters

    assert default.as_request() == request({}, preset="pretrained")
    assert request({}, preset="pretrained") == {
        **request({}),
        **PRETRAINED_REQUEST,
        "epochs": "15",
        "learning_rate": "0.005",
        "lr_scheduler_step": "10,13",
    }


def test_the_learning_rate_of_a_preset_can_be_left_as_it_is() -> None:
    for preset in (SMALL, "pretrained"):
        assert "lr_scheduler_step" not in request({"lr_scheduler_step": ""}, preset=preset)


@pytest.mark.parametrize(
    ("preset", "epochs", "steps"),
    [
        ("pretrained", 100, "10,13"),
        ("pretrained", 14, "10,13"),
        ("pretrained", 13, "10"),
        ("pretrained", 10, None),
        (SMALL, 45, "40"),
        (SMALL, 1, None),
    ],
)
def test_of_a_preset_the_steps_that_are_reached_count(
    preset: str, epochs: int, steps: str | None
) -> None:
    written = request({"epochs": epochs}, preset=preset)

    assert (written["epochs"], written.get("lr_scheduler_step")) == (str(epochs), steps)


@pytest.mark.parametrize(
    ("hyperparameters", "written"),
    [
        ({"early_stopping": True}, {"early_stopping": "True"}),
        (PRETRAINED, PRETRAINED_REQUEST),
        ({"optimizer": "adam", "eps": 1e-8}, {"optimizer": "adam", "eps": "1e-08"}),
        ({"lr_scheduler_step": "10,20"}, {"lr_scheduler_step": "10,20"}),
        ({"top_k": 2}, {"top_k": "2"}),
    ],
)
def test_values_are_written_as_the_algorithm_documents_them(
    hyperparameters: dict[str, Any], written: dict[str, str]
) -> None:
    assert written.items() <= request(hyperparameters).items()


@pytest.mark.parametrize(
    "hyperparameters",
    [
        {"image_shape": "3,28,28", "num_layers": 20},
        {"image_shape": "3,28,28", "num_layers": 20, "resize": 56},
        {"image_shape": "3, 28, 28", "num_layers": 110, "resize": 28},
        {"image_shape": "3,29,29", "num_layers": 200},
        {"image_shape": "3,64,64", "resize": 64},
        {**PRETRAINED, "num_layers": 152, "precision_dtype": "float16"},
        {"lr_scheduler_step": "10, 20", "lr_scheduler_factor": 0.5},
        {"optimizer": "nag", "momentum": 0.8, "weight_decay": 0},
        {"optimizer": "adam", "beta_1": 1, "beta_2": 0.5, "eps": 0.1},
        {"optimizer": "rmsprop", "gamma": 0.5, "eps": 0.1},
        {"early_stopping": True, "early_stopping_min_epochs": 5, "early_stopping_patience": 3},
        {"early_stopping": True, "early_stopping_min_epochs": 5, "early_stopping_tolerance": 0.01},
        {"checkpoint_frequency": 60},
    ],
)
def test_documented_combinations_are_accepted(hyperparameters: dict[str, Any]) -> None:
    training(hyperparameters)


@pytest.mark.parametrize(
    ("hyperparameters", "says"),
    [
        ({"num_layers": 20}, "num_layers = 20: allowed with image_shape = '3,32,32': 18, 34, 50"),
        ({"image_shape": "3,28,28"}, "num_layers = 18: allowed with image_shape = '3,28,28': 20,"),
        ({"num_layers": 19}, "num_layers = 19"),
        ({"image_shape": "32,32"}, "image_shape = '32,32': allowed: \"3,height,width\""),
        ({"image_shape": "1,32,32"}, "image_shape = '1,32,32': allowed"),
        ({"image_shape": "3,32,\N{ARABIC-INDIC DIGIT THREE}2"}, 'allowed: "3,height,width"'),
        ({"image_shape": "3,64,64"}, "resize = 40: allowed with image_shape"),
        ({"resize": 65}, "resize = 65: allowed with image_shape = '3,32,32': up to 64, so that"),
        ({"image_shape": "3,64,48", "resize": 50}, "resize = 50: allowed with"),
        ({"image_shape": "3,48,64", "resize": 50}, "64 or more"),
        ({**PRETRAINED, "image_shape": "3,32,32"}, "image_shape = '3,32,32': allowed with use_pre"),
        ({**PRETRAINED, "num_layers": 20}, "num_layers = 20: allowed with"),
        ({**PRETRAINED, "resize": 224}, "resize = 224: allowed with use_pretrained_model"),
        ({"use_pretrained_model": 1}, "use_pretrained_model = 1"),
        ({"learning_rate": 0}, "learning_rate = 0"),
        ({"learning_rate": 1.1}, "less than or equal to 1"),
        ({"epochs": 0}, "epochs = 0"),
        ({"momentum": 2}, "momentum = 2"),
        ({"optimizer": "adagrad"}, "'sgd', 'adam', 'rmsprop' or 'nag'"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum = 0.9: it has no effect with optimizer"),
        ({"optimizer": "rmsprop", "weight_decay": 0}, "choose the optimizer sgd or nag"),
        ({"beta_1": 0.9}, "beta_1 = 0.9: it has no effect with optimizer = 'sgd'; remove it, or"),
        ({"optimizer": "rmsprop", "beta_2": 0.9}, "choose the optimizer adam"),
        ({"eps": 0.1}, "choose the optimizer adam or rmsprop"),
        ({"optimizer": "adam", "gamma": 0.5}, "choose the optimizer rmsprop"),
        ({"lr_scheduler_factor": 0.5, "lr_scheduler_step": ""}, "no effect without lr_scheduler_"),
        ({"lr_scheduler_step": "20,10"}, "lr_scheduler_step = '20,10': allowed: ascending"),
        ({"lr_scheduler_step": "10,10"}, "ascending"),
        ({"lr_scheduler_step": "10,60"}, "each below epochs = 60"),
        ({"lr_scheduler_step": "ten"}, "epochs with commas"),
        ({"lr_scheduler_step": "1" * 5000}, "epochs with commas, each of up to six digits"),
        ({"early_stopping_patience": 3}, "it has no effect without early_stopping = true"),
        ({"early_stopping": "True"}, "early_stopping = 'True'"),
        ({"early_stopping": True, "epochs": 10}, "early_stopping_min_epochs = None: allowed with"),
        ({"early_stopping": True, "early_stopping_min_epochs": 60}, "below that"),
        ({"checkpoint_frequency": 61}, "checkpoint_frequency = 61: allowed: up to epochs = 60"),
        ({"precision_dtype": "bfloat16"}, "'float32' or 'float16'"),
        ({"top_k": 1}, "greater than or equal to 2"),
        ({"top_k": 3}, "top_k = 3: allowed: 2 or more, and below the number of dataset.classes, 3"),
        ({"kv_store": "dist_sync"}, "no effect with training.instance_count = 1"),
        ({"multi_label": 1}, "unknown key; allowed here: num_layers"),
    ],
)
def test_a_refusal_names_key_value_and_what_is_allowed(
    hyperparameters: dict[str, Any], says: str
) -> None:
    message = refusal(hyperparameters)

    assert says in message
    assert "training.hyperparameters." in message


def test_all_that_does_not_go_together_is_named_at_once() -> None:
    message = refusal({"num_layers": 20, "beta_1": 0.9, "checkpoint_frequency": 61})

    for key in ("num_layers", "beta_1", "checkpoint_frequency"):
        assert f"\n  training.hyperparameters.{key} = " in message


def test_several_instances_can_choose_how_they_update() -> None:
    assert request({"kv_store": "dist_async"}, instance_count=2)["kv_store"] == "dist_async"


def test_an_override_that_does_not_fit_the_preset_is_refused() -> None:
    assert "num_layers = 20: allowed with image_shape = '3,224,224'" in refusal(
        {"num_layers": 20}, preset="pretrained"
    )


@pytest.mark.parametrize("preset", ["large", ["pretrained"], 1])
def test_an_unknown_preset_names_those_that_are_there(preset: Any) -> None:
    assert "'pretrained' or 'small-from-scratch'" in refusal({}, preset=preset)
