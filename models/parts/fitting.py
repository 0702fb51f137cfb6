"""What models fitted by scikit-learn share: sizes, a sample of the training inputs, a seed, one thread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from torch import Tensor

from models.base import SparseCodes
from models.parts.dictionary import KSparseConfig
from models.parts.largest import top_k
from models.parts.samples import spread


class FittedConfig(KSparseConfig):
    """Hyperparameters of a dictionary that scikit-learn fits."""

    n_latents: int = Field(64, ge=1, description="Components M [choice]")
    samples: int = Field(5000, ge=1, description="Training samples, evenly spread, that it is fitted on [choice]")


@contextmanager
def fitting(x: Tensor, samples: int) -> Iterator[tuple[np.ndarray, int]]:
    """Of x (N, D) at most `samples`, in float64, and a seed from torch's stream; warns where a fit did not converge.

    On one thread: the order of sums, and so the numbers, depend on the threads.
    """
    with threadpool_limits(1), warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        yield spread(x, samples).double().cpu().numpy(), int(torch.randint(2**31 - 1, ()))
    if any(issubclass(warning.category, ConvergenceWarning) for warning in raised):
        warnings.warn("the fit had not converged when it reached its bound on steps", stacklevel=3)


def unit_rows(atoms: np.ndarray) -> np.ndarray:
    """Atoms (M, D) of norm 1; those of norm 0 stay as they are."""
    norms = np.linalg.norm(atoms, axis=1, keepdims=True)
    scaled: np.ndarray = atoms / np.where(norms > 0, norms, 1)
    return scaled


def largest_contributions(z: Tensor, k: int) -> SparseCodes:
    """The k codes of largest magnitude of each row of z (N, M); of unit-norm atoms, those that contribute most."""
    indices = top_k(z.abs(), k)[1]
    return SparseCodes(z.gather(1, indices), indices, z.shape[1])
