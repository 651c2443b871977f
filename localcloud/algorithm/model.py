"""The model file, and probabilities from it, with numpy alone.

Pickle or joblib files would run code when they are loaded, tie the model to one release of
scikit-learn, and make the server import it. Prediction needs eight arrays and one formula; a test
compares it with scikit-learn's own probabilities.
"""

import zipfile
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from localcloud.algorithm.features import Floats

FILE_NAME = "model.npz"

Doubles = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """Support vector machines with an RBF kernel, one against the rest, and Platt scaling.

    f: features, s: support vectors, k: machines (one for two classes, else one per class).
    """

    mean: Floats
    """Mean of each feature, shape (f,)."""
    scale: Floats
    """Standard deviation of each feature, shape (f,)."""
    support: Floats
    """Support vectors, standardised, shape (s, f)."""
    weights: Floats
    """Weight of each support vector in each machine, shape (s, k)."""
    intercepts: Floats
    """Shape (k,)."""
    gamma: Floats
    """In the kernel exp(-gamma * squared distance), shape ()."""
    slopes: Doubles
    """Platt's A, shape (k,)."""
    offsets: Doubles
    """Platt's B, shape (k,)."""

    @cached_property
    def _squared_support(self) -> Floats:
        squares: Floats = (self.support**2).sum(axis=1)
        return squares

    def probabilities(self, features: Floats) -> Doubles:
        """Return the probabilities of shape (n, classes) for features of shape (n, f)."""
        rows = (features - self.mean) / self.scale
        distances = (rows**2).sum(axis=1)[:, None] + self._squared_support
        distances -= 2 * rows @ self.support.T
        margins = np.exp(-self.gamma * distances) @ self.weights + self.intercepts
        chances: Doubles = 1 / (1 + np.exp(self.slopes * margins + self.offsets))
        if chances.shape[1] == 1:
            return np.hstack([1 - chances, chances])
        chances /= chances.sum(axis=1, keepdims=True)
        return chances

    def save(self, folder: Path) -> Path:
        """Write the model file, with equal bytes for equal models."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE_NAME
        np.savez(path, allow_pickle=False, **asdict(self))
        return path

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the model file; raise FileNotFoundError, or ValueError for anything else."""
        path = folder / FILE_NAME
        try:
            with zipfile.ZipFile(path) as archive:
                # `save` compresses nothing; compressed arrays may unpack to any size.
                if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
                    raise ValueError("its arrays are compressed")
            with np.load(path, allow_pickle=False) as arrays:
                model = cls(**{field.name: arrays[field.name] for field in fields(cls)})
            model.probabilities(np.zeros((1, model.mean.size), np.float32))
        except FileNotFoundError:
            raise
        # Neither zipfile nor numpy documents a list of errors.
        except Exception as error:
            raise ValueError(
                f"{path} is not a model of the local algorithm: {type(error).__name__}: {error}; "
                "train it again"
            ) from error
        return model
