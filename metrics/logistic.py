"""Logistic regression as scikit-learn defines it: by scikit-learn on a CPU, by L-BFGS on the device of its inputs else.

Both minimise the mean cross-entropy plus ||W||^2 / (2 N), the intercepts left out, and stop at a gradient of 1e-4 or
after 500 iterations.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor

MAX_ITERATIONS = 500
"""Iterations of a logistic regression."""

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
        fitted = fit_by_sklearn(features.numpy(), targets.cpu().numpy())
        return Probe(*(torch.from_numpy(values) for values in (fitted.classes_, fitted.coef_, fitted.intercept_)))
    return fit_by_lbfgs(features, targets.to(features.device))


def fit_by_sklearn(features: np.ndarray, targets: np.ndarray, **options: Any) -> Any:
    """The same by scikit-learn, as its own object. In float64: in float32, predictions depend on rounding."""
    # Problems this small take three times as long on two threads as on one.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(max_iter=MAX_ITERATIONS, tol=TOLERANCE, **options).fit(
            features.astype(np.float64), targets
        )


def fit_by_lbfgs(features: Tensor, targets: Tensor) -> Probe:
    """The same by torch, on any device."""
    x = features.double()
    classes, members = targets.unique(return_inverse=True)
    n_rows = len(classes) if len(classes) > 2 else 1
    weights, intercepts = x.new_zeros(n_rows, x.shape[1]), x.new_zeros(n_rows)
    optimiser = torch.optim.LBFGS(
        [weights.requires_grad_(), intercepts.requires_grad_()],
        max_iter=MAX_ITERATIONS,
        max_eval=10 * MAX_ITERATIONS,
        tolerance_grad=TOLERANCE,
        tolerance_change=64 * torch.finfo(torch.float64).eps,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    @torch.enable_grad()
    def objective() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(_scores(x, weights, intercepts), members) + weights.square().sum() / (2 * len(x))
        loss.backward()
        return loss

    optimiser.step(objective)
    return Probe(classes, weights.detach(), intercepts.detach())


def _scores(x: Tensor, weights: Tensor, intercepts: Tensor) -> Tensor:
    """Log-odds of each class, (N, C); of two classes those of the first are 0."""
    scores = x @ weights.T + intercepts
    return F.pad(scores, (1, 0)) if len(weights) == 1 else scores
