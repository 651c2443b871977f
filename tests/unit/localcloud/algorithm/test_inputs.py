import pytest

from localcloud.algorithm.inputs import ClientError, parse_hyperparameters

REQUIRED = {"num_classes": "2", "num_training_samples": "1000"}


DOCUMENTED = """
augmentation_type=crop_color_transform beta_1=0.9 beta_2=0.999 checkpoint_frequency=5
early_stopping=True early_stopping_min_epochs=10 early_stopping_patience=5
early_stopping_tolerance=0.0 epochs=30 eps=1e-8 gamma=0.9 image_shape=3,32,48 kv_store=dist_sync
learning_rate=0.1 lr_scheduler_factor=0.1 lr_scheduler_step=10,20 mini_batch_size=32 momentum=0.9
multi_label=0 num_layers=110 optimizer=nag precision_dtype=float16 resize=256 top_k=2
use_pretrained_model=0 use_weighted_loss=1 weight_decay=0.0001
"""


def test_every_documented_hyperparameter_is_accepted_as_a_string() -> None:
    parsed = parse_hyperparameters(REQUIRED | dict(pair.split("=") for pair in DOCUMENTED.split()))
    assert parsed.num_training_samples == 1000
    assert parse_hyperparameters(REQUIRED | {"image_shape": "3, 32, 48"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_classes", "1"),
        ("num_classes", "two"),
        ("num_training_samples", "0"),
        ("image_shape", "32,32"),
        ("image_shape", "1,32,32"),
        ("image_shape", "3,0,32"),
        ("num_layers", "19"),
        ("num_layers", "deep"),
        ("epochs", "-1"),
        ("learning_rate", "1.5"),
        ("optimizer", "lbfgs"),
        ("augmentation_type", "flip"),
        ("early_stopping", "yes"),
        ("lr_scheduler_step", "10;20"),
        ("top_k", "1"),
        ("multi_label", "1"),
    ],
)
def test_value_out_of_range_is_named(name: str, value: str) -> None:
    with pytest.raises(ClientError, match=f"{name} = '?{value}"):
        parse_hyperparameters({**REQUIRED, name: value})


def test_missing_and_unknown_names_are_all_named_in_one_line() -> None:
    with pytest.raises(ClientError) as error:
        parse_hyperparameters({"num_classes": "2", "learningrate": "0.1"})
    assert "num_training_samples is required" in str(error.value)
    assert "learningrate is unknown; known: " in str(error.value)
    assert "\n" not in str(error.value)
