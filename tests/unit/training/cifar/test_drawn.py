import hashlib

import numpy as np
import pytest

from training.cifar.drawn import draw
from training.errors import StagingError

CLASSES = ("bicycle", "motorcycle", "pickup_truck")


def test_form_is_that_of_cifar100() -> None:
    drawn = draw(CLASSES, train_per_class=4, validation_per_class=2)
    assert drawn.class_names == CLASSES
    assert drawn.train.rows.shape == (12, 3072)
    assert drawn.train.rows.dtype == np.uint8
    assert drawn.train.pictures.shape == (12, 32, 32, 3)
    assert sorted(drawn.test.labels) == [0, 0, 1, 1, 2, 2]
    assert {"drawn_bicycle_000000.png", "drawn_pickup_truck_000001.png"} <= set(
        drawn.test.file_names
    )


def test_no_picture_is_drawn_twice() -> None:
    drawn = draw(CLASSES, train_per_class=40, validation_per_class=40)
    rows = np.vstack([drawn.train.rows, drawn.test.rows])
    assert len(np.unique(rows, axis=0)) == len(rows) == 240


def test_picture_does_not_depend_on_the_others() -> None:
    few = draw(["motorcycle"], train_per_class=3, validation_per_class=1)
    many = draw(CLASSES, train_per_class=5, validation_per_class=1)
    motorcycles = many.train.rows[[label == 1 for label in many.train.labels]]
    np.testing.assert_array_equal(few.train.rows, motorcycles[:3])


def test_pictures_are_the_same_on_every_machine() -> None:
    drawn = draw(CLASSES, train_per_class=20, validation_per_class=1)
    digest = hashlib.sha256(drawn.train.rows.tobytes()).hexdigest()
    assert digest == "4af7a75828b12a59737146224c51ee2ee5e35f6a0444f32dd45a76ef020d9a3d"


def test_class_that_cannot_be_drawn_is_named() -> None:
    with pytest.raises(StagingError, match="'apple' cannot be drawn; drawable: bicycle, motorcyc"):
        draw(["bicycle", "apple"])
