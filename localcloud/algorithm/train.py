"""The training command: reads and writes the `/opt/ml` folders as a SageMaker container does.

The folders: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
SIGTERM needs no handler: Python's default ends the process at once.
"""

import logging
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from localcloud.algorithm.features import Floats, PictureError, Pixels, decode, describe
from localcloud.algorithm.inputs import (
    ClientError,
    LabelledPicture,
    check_channels,
    parse_hyperparameters,
    read_json,
    read_list,
)
from localcloud.algorithm.model import Doubles, Labels, Model

PROGRESS_STEP = 100  # pictures between two lines of progress
# Time and memory grow with the square of the number: 4,000 take about 10 seconds and 1 GB.
MAX_PICTURES = 4000

log = logging.getLogger(__name__)


def main(root: Path) -> int:
    """Run the job in folder `root` (`/opt/ml`).

    Returns the exit code: 0, or 1 after writing the reason to `output/failure` and stderr.
    """
    # The real algorithm's format: [01/31/2026 12:34:56 INFO 139782187484992] Epoch[0] ...
    logging.basicConfig(
        stream=sys.stdout,
        level=logging.INFO,
        format="[%(asctime)s %(levelname)s %(thread)d] %(message)s",
        datefmt="%m/%d/%Y %H:%M:%S",
    )
    try:
        train(root)
    except ClientError as error:
        return _fail(root, f"ClientError: {error}")
    except Exception as error:
        traceback.print_exc()
        return _fail(root, f"AlgorithmError: {error!r}")
    return 0


def train(root: Path) -> None:
    """Read input, learn, report accuracy, write the model; raise ClientError for wrong input."""
    started = time.monotonic()
    config, data = root / "input" / "config", root / "input" / "data"
    hyperparameters = parse_hyperparameters(read_json(config / "hyperparameters.json"))
    check_channels(read_json(config / "inputdataconfig.json"))
    log.info("Hyperparameters: %s", hyperparameters.model_dump(exclude_none=True))
    classes = hyperparameters.num_classes
    training = read_list(data, "train", classes=classes)
    validation = read_list(data, "validation", classes=classes)
    _check_counts(training, classes=classes, expected=hyperparameters.num_training_samples)
    listed = _labels(training)
    training = _chosen(training)

    pixels = [_decode_file(picture.path) for picture in training]
    features = _describe_all(pixels, "train")
    flipped = _describe_all([picture[:, ::-1] for picture in pixels], "train, mirrored")
    validation_pixels = [_decode_file(picture.path) for picture in validation]
    validation_features = _describe_all(validation_pixels, "validation")

    from localcloud.algorithm.fitting import fit  # slow import, after the input is checked

    log.info("Fitting and calibrating on %d pictures and their mirror images", len(training))
    model = fit(
        features=features,
        flipped=flipped,
        labels=_labels(training),
        weights=_weights(listed, _labels(training)),
    )
    log.info("Epoch[0] Train-accuracy=%f", _accuracy(model, features, training))
    log.info("Epoch[0] Time cost=%.3f", time.monotonic() - started)
    log.info("Epoch[0] Validation-accuracy=%f", _accuracy(model, validation_features, validation))
    log.info('Saved checkpoint to "%s"', model.save(root / "model"))


def _check_counts(training: Sequence[LabelledPicture], *, classes: int, expected: int) -> None:
    if len(training) < expected:
        raise ClientError(
            f"num_training_samples = {expected}, but the training list names {len(training)}"
        )
    counts = np.bincount(_labels(list(set(training))), minlength=classes)
    if counts.min() < 2:
        label = int(counts.argmin())
        raise ClientError(
            f"class {label} has {counts[label]} training pictures; the local algorithm needs two"
        )


def _chosen(pictures: Sequence[LabelledPicture]) -> list[LabelledPicture]:
    """Return each picture once, and at most `MAX_PICTURES`, evenly over the classes."""
    distinct = list(dict.fromkeys(pictures))
    if len(distinct) <= MAX_PICTURES:
        return distinct
    log.info("Learning from %d of %d pictures, even by class", MAX_PICTURES, len(distinct))
    random = np.random.default_rng(0)
    labels = _labels(distinct)
    rank = np.empty(len(labels), np.int64)  # of each picture within its class
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = random.permutation(len(members))
    chosen = np.sort(np.argsort(rank, kind="stable")[:MAX_PICTURES])
    return [distinct[position] for position in chosen]


def _weights(listed: Labels, chosen: Labels) -> Doubles:
    """Return weights of chosen pictures with which each class counts as in the list.

    The list repeats pictures of rare classes to balance them.
    """
    lines, pictures = np.bincount(listed), np.bincount(chosen)
    weights = (lines / pictures)[chosen]
    scaled: Doubles = weights / weights.mean()
    return scaled


def _decode_file(path: Path) -> Pixels:
    try:
        return decode(path.read_bytes())
    except PictureError as error:
        raise ClientError(f"{path.name}: {error}") from error


def _describe_all(pictures: Sequence[Pixels], name: str) -> Floats:
    rows = []
    for number, picture in enumerate(pictures, start=1):
        rows.append(describe(picture))
        if number % PROGRESS_STEP == 0 or number == len(pictures):
            log.info("features (%s) %d/%d", name, number, len(pictures))
    return np.stack(rows)


def _labels(pictures: Sequence[LabelledPicture]) -> Labels:
    return np.array([picture.label for picture in pictures])


def _accuracy(model: Model, features: Floats, pictures: Sequence[LabelledPicture]) -> float:
    return float((model.probabilities(features).argmax(axis=1) == _labels(pictures)).mean())


def _fail(root: Path, reason: str) -> int:
    failure = root / "output" / "failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(reason, encoding="utf-8")
    print(reason, file=sys.stderr)
    return 1
