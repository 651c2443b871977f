from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler

from localcloud.algorithm.features import Floats
from localcloud.algorithm.fitting import calibrate, fit
from localcloud.algorithm.model import FILE_NAME, Labels, Model


def clouds(classes: int) -> tuple[Floats, Floats, Labels]:
    """Overlapping clouds of points, their "mirror images", and labels."""
    random = np.random.default_rng(classes)
    labels = np.repeat(np.arange(classes), 30)
    rows = random.normal(labels[:, None], 1.5, (len(labels), 6))
    mirrored = rows + random.normal(0, 0.1, rows.shape)
    return rows.astype(np.float32), mirrored.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_probabilities_equal_those_of_scikit_learn(classes: int) -> None:
    features, flipped, labels = clouds(classes)
    model = fit(features=features, flipped=flipped, labels=labels)
    probabilities = model.probabilities(features)
    rows = StandardScaler().fit_transform(np.vstack([features, flipped]))
    kernel = rbf_kernel(rows, gamma=1 / rows.shape[1])
    calibrated = calibrate(kernel, labels)
    expected = calibrated.predict_proba(kernel[: len(features)])
    assert probabilities.shape == (len(features), classes)
    assert np.allclose(probabilities, expected, atol=1e-4)
    assert np.allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("counts", [(2, 2), (2, 40), (3, 2, 50), (2,) * 8])
def test_two_pictures_of_a_class_are_enough(counts: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(0).normal(0, 0.1, (len(labels), len(counts)))
    rows = (np.eye(len(counts))[labels] + noise).astype(np.float32)
    model = fit(features=rows, flipped=rows + np.float32(0.01), labels=labels)
    assert (model.probabilities(rows).argmax(axis=1) == labels).all()


def test_weights_make_a_rare_class_as_likely() -> None:
    labels = np.repeat([0, 1], [200, 20])
    rows = np.random.default_rng(0).normal(labels[:, None], 1, (len(labels), 2)).astype(np.float32)
    between = np.full((1, 2), 0.5, np.float32)
    plain, weighted = (
        fit(features=rows, flipped=rows, labels=labels, weights=weights).probabilities(between)
        for weights in (None, np.array([0.55, 5.5])[labels])
    )
    assert plain[0, 1] < 0.2
    assert 0.35 < weighted[0, 1] < 0.65


def test_file_holds_all_that_prediction_needs(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = Model.load(tmp_path)
    rows = np.random.default_rng(0).normal(size=(4, len(model.mean))).astype(np.float32)
    assert np.array_equal(loaded.probabilities(rows), model.probabilities(rows))


def test_same_input_gives_the_same_file(tmp_path: Path) -> None:
    features, flipped, labels = clouds(2)
    first, second = (
        fit(features=features, flipped=flipped, labels=labels).save(tmp_path / name)
        for name in ("first", "second")
    )
    assert first.read_bytes() == second.read_bytes()


def save_pickle(model: Model, path: Path) -> None:
    np.savez(path, mean=np.array([print], dtype=object))


def save_half(model: Model, path: Path) -> None:
    model.save(path.parent)
    path.write_bytes(path.read_bytes()[:-40])


def save_compressed(model: Model, path: Path) -> None:
    np.savez_compressed(path, **asdict(model))


def save_other_sizes(model: Model, path: Path) -> None:
    replace(model, scale=model.scale[:-1]).save(path.parent)


@pytest.mark.parametrize(
    ("save", "reason"),
    [
        (save_pickle, "allow_pickle"),
        (save_half, "BadZipFile"),
        (lambda _model, path: path.write_bytes(b""), "BadZipFile"),
        (save_compressed, "its arrays are compressed"),
        (save_other_sizes, "could not be broadcast"),
    ],
)
def test_another_file_is_refused(
    model: Model, tmp_path: Path, save: Callable[[Model, Path], object], reason: str
) -> None:
    save(model, tmp_path / FILE_NAME)

    with pytest.raises(ValueError, match=f"model.npz is not a model of .*{reason}.*; train it"):
        Model.load(tmp_path)
