"""Logistic regression as scikit-learn defines it: by scikit-learn on a CPU, with sums on the device of its inputs else.

Both minimise the mean cross-entropy plus ||W||^2 / (2 N), the intercepts left out, and stop at a gradient of 1e-4 or
after 500 iterations.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import ThreadpoolController
from torch import Tensor

MAX_ITERATIONS = 500
"""Iterations of a logistic regression."""

FEW = 0.1
"""Share of features other than zero up to which a CPU goes through these alone: measured, a third of the time at 0.01
for 150 classes and for 10."""

TOLERANCE = 1e-4
"""Largest entry of the gradient at which it has converged; scikit-learn's default."""


class Probe(NamedTuple):
    """A fitted logistic regression."""

    classes: Tensor
    """Labels in ascending order, (C,)."""
    weights: Tensor
    """Of each class, (C, D) float64; of two classes those of the second alone, (1, D)."""
    intercepts: Tensor
    """Of the same, (C,) or (1,) float64."""

    def predict(self, features: Tensor) -> Tensor:
        """The class of each row of features (N, D): (N,)."""
        scores = _scores(features.double(), self.weights, self.intercepts)
        return self.classes[scores.argmax(1)]


def fit(features: Tensor, targets: Tensor) -> Probe:
    """A probe for the classes `targets` (N,), two or more, on features (N, D), fitted in float64 on their device."""
    if features.device.type == "cpu":
        x = features.numpy()
        few = np.count_nonzero(x) <= FEW * x.size
        fitted = fit_by_sklearn(csr_array(x) if few else x, targets.cpu().numpy())
        return Probe(*(torch.from_numpy(values) for values in (fitted.classes_, fitted.coef_, fitted.intercept_)))
    return fit_by_lbfgs(features, targets.to(features.device))


def fit_by_sklearn(features: np.ndarray | csr_array, targets: np.ndarray, **options: Any) -> Any:
    """The same by scikit-learn, as its own object. In float64: in float32, predictions depend on rounding."""
    # Problems this small take three times as long on two threads as on one.
    with warnings.catch_warnings(), _libraries().limit(limits=1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(max_iter=MAX_ITERATIONS, tol=TOLERANCE, **options).fit(
            features.astype(np.float64), targets
        )


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that have threads; to look for them takes as long as to fit a small problem."""
    return ThreadpoolController()


def fit_by_lbfgs(features: Tensor, targets: Tensor) -> Probe:
    """The same on any device: scipy's L-BFGS, which scikit-learn uses, on losses and gradients computed there."""
    x = features.double()
    classes, members = targets.unique(return_inverse=True)
    n_rows = len(classes) if len(classes) > 2 else 1
    truth = F.one_hot(members, len(classes))[:, -n_rows:]

    def objective(packed: np.ndarray) -> tuple[float, np.ndarray]:
        weights, intercepts = _unpacked(torch.from_numpy(packed).to(x.device), n_rows)
        scores = _scores(x, weights, intercepts)
        loss = F.cross_entropy(scores, members) + weights.square().sum() / (2 * len(x))
        errors = (scores.softmax(1)[:, -n_rows:] - truth) / len(x)
        gradient = torch.cat([errors.T @ x + weights / len(x), errors.sum(0)[:, None]], dim=1)
        both = torch.cat([loss[None], gradient.flatten()]).cpu().numpy()  # the host waits once
        return float(both[0]), both[1:]

    found = minimize(
        objective,
        np.zeros(n_rows * (x.shape[1] + 1)),
        method="L-BFGS-B",
        jac=True,
        options={"maxiter": MAX_ITERATIONS, "maxls": 50, "gtol": TOLERANCE, "ftol": 64 * np.finfo(float).eps},
    )
    return Probe(classes, *_unpacked(torch.from_numpy(found.x).to(x.device), n_rows))


def _unpacked(parameters: Tensor, n_rows: int) -> tuple[Tensor, Tensor]:
    """Weights (C, D) and intercepts (C,) from rows of both, one after the other."""
    rows = parameters.view(n_rows, -1)
    return rows[:, :-1], rows[:, -1]


def _scores(x: Tensor, weights: Tensor, intercepts: Tensor) -> Tensor:
    """Log-odds of each class, (N, C); of two classes those of the first are 0."""
    scores = x @ weights.T + intercepts
    return F.pad(scores, (1, 0)) if len(weights) == 1 else scores
