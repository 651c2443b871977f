"""Fit a model. Only training imports this, since scikit-learn takes most of a second."""

# scikit-learn publishes no types.
# mypy: disable-error-code="import-untyped"

import numpy as np
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from localcloud.algorithm.features import Floats
from localcloud.algorithm.model import Doubles, Labels, Model

# Accuracy in 5-fold cross-validation on the 1,000 training pictures of bicycle and motorcycle in
# CIFAR-100: 0.887 to 0.893 for C from 1 to 10; half or twice the gamma costs up to 0.01.
PENALTY = 3.0
FOLDS = 5


def fit(
    *, features: Floats, flipped: Floats, labels: Labels, weights: Doubles | None = None
) -> Model:
    """Learn from the features of pictures and of their mirror images, both of shape (n, f).

    Every class from 0 to the highest needs two pictures or more. Each picture counts as often as
    its weight says, once by default.
    """
    both = np.vstack([features, flipped])
    scaler = StandardScaler().fit(both)
    rows = scaler.transform(both).astype(np.float64)
    gamma = 1 / rows.shape[1]
    calibrated = calibrate(rbf_kernel(rows, gamma=gamma), labels, weights)
    (classifier,) = calibrated.calibrated_classifiers_
    machines = classifier.estimator.estimators_
    coefficients = np.zeros((len(rows), len(machines)))
    for column, machine in enumerate(machines):
        coefficients[machine.support_, column] = machine.dual_coef_[0]
    used = coefficients.any(axis=1)
    return Model(
        mean=scaler.mean_.astype(np.float32),
        scale=scaler.scale_.astype(np.float32),
        support=rows[used].astype(np.float32),
        weights=coefficients[used].astype(np.float32),
        intercepts=np.array([machine.intercept_[0] for machine in machines], dtype=np.float32),
        gamma=np.array(gamma, dtype=np.float32),
        slopes=np.array([calibrator.a_ for calibrator in classifier.calibrators]),
        offsets=np.array([calibrator.b_ for calibrator in classifier.calibrators]),
    )


def calibrate(
    kernel: Doubles, labels: Labels, weights: Doubles | None = None
) -> CalibratedClassifierCV:
    """Fit the machines on all pictures, and Platt scaling on margins of held-out pictures.

    All machines share the kernel's values, of shape (2n, 2n): with 100 classes, computing them
    anew for each takes three times as long. `ensemble=False` keeps one set of machines instead of
    one per fold: a prediction costs a quarter, and cross-validated log loss is the same (0.28).
    """
    folds = min(FOLDS, int(np.bincount(labels).min()))
    doubled = np.tile(labels, 2)
    # A picture and its mirror image stay in the same fold, or held-out margins are too good.
    picture = np.tile(np.arange(len(labels)), 2)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        machine = SVC(C=PENALTY, kernel="precomputed").set_fit_request(sample_weight=True)
        return CalibratedClassifierCV(
            OneVsRestClassifier(machine),
            method="sigmoid",
            cv=list(splitter.split(kernel, doubled, picture)),
            ensemble=False,
        ).fit(kernel, doubled, sample_weight=None if weights is None else np.tile(weights, 2))
