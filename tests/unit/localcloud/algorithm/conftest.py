"""A small training job and a model learned from it."""

from pathlib import Path

import numpy as np
import pytest

from localcloud.algorithm.features import describe
from localcloud.algorithm.fitting import fit
from localcloud.algorithm.model import Model
from tests.unit.localcloud.algorithm.small_job import PER_CLASS, Job, stripes


@pytest.fixture
def job(tmp_path: Path) -> Job:
    job = Job(tmp_path / "ml")
    job.write_pictures("train", per_class=PER_CLASS, seed=0)
    job.write_pictures("validation", per_class=4, seed=100)
    job.write_configuration()
    return job


@pytest.fixture(scope="session")
def model() -> Model:
    """Learned from the stripes of two directions."""
    labels = np.repeat([0, 1], PER_CLASS)
    pictures = [stripes(int(label), seed) for seed, label in enumerate(labels)]
    return fit(
        features=np.stack([describe(picture) for picture in pictures]),
        flipped=np.stack([describe(picture[:, ::-1]) for picture in pictures]),
        labels=labels,
    )
