"""Inputs and labels as the tensors that everything else takes: what is plain is converted, what is not is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import counted

WIDE = (torch.float64, torch.int64, torch.int32)
"""Types of numbers that hold more digits than float32."""

LOST = 1e-4
"""The most that rounding a dimension to float32 may cost, of the mean variance: a hundredth of a deviation."""


class DataError(ValueError):
    """Data that cannot be used. The message says where, what is valid, and what to do."""


def require_plain(name: str, values: Any) -> None:
    """DataError for arrays that numpy would make others of: with a mask, sparse, or with more beside them."""
    if isinstance(values, np.ma.MaskedArray) and (n := int(np.ma.getmaskarray(values).sum())):
        raise DataError(
            f"{name} has a mask over {n:,} of its values, which would be taken as they lie below it; leave such "
            f"samples out, or fill in a value: {name}.filled(0)."
        )
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise DataError(f"{name} is a sparse {type(values).__name__}; give {name}.toarray().")
    if hasattr(values, "obs") and hasattr(values, "X"):
        raise DataError(f"{name} is {type(values).__name__}; give its X, and a column of its obs as labels.")


def require_precise(x: Any, names: Sequence[str] | None = None) -> None:
    """DataError where float32, which models take, would round off what tells samples of x (N, D) apart.

    So it is where numbers lie far from zero, beside how much they differ.
    """
    exact = _as_tensor("x", x).double()
    lost = (exact - exact.float()).var(0, correction=0)
    if (coarse := (lost > LOST * exact.var(0, correction=0).mean()).nonzero()).numel():
        column = int(coarse[0])
        called = f" ('{names[column]}')" if names else ""
        raise DataError(
            f"column {column}{called} has a mean of {exact[:, column].mean().item():.4g} and a deviation of "
            f"{exact[:, column].std(correction=0).item():.4g}: float32, which models take, would round off what tells "
            f"samples apart. Subtract the mean first ({counted(len(coarse), 'such column')})."
        )


def as_inputs(values: Any) -> Tensor:
    """Inputs (N, D) as float32, from floats or truth values. DataError for integers, whose scale cannot be known."""
    x = _as_tensor("x", values)
    if x.ndim != 2:
        raise DataError(f"x has the shape {tuple(x.shape)}; expected (N, D): flatten it, x.reshape(len(x), -1).")
    if not (x.is_floating_point() or x.dtype == torch.bool):
        raise DataError(
            f"x is {getattr(values, 'dtype', x.dtype)}; expected floats. Write x.astype('float32') / 255 (of a tensor "
            "x.float() / 255) for pixels of 0 to 255, without the division for other numbers."
        )
    return x.float()


def as_labels(values: Any, x: Tensor) -> Tensor:
    """Labels (N,) of the inputs x as int64, from whole numbers of any type and (N, 1) columns; None: no sample has one.

    DataError for words, parts of numbers, NaN, one-hot rows, and another number of samples.
    """
    if values is None:
        return torch.full((len(x),), -1, device=x.device)
    labels = _as_tensor("labels", values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.squeeze(1)
    if labels.ndim != 1:
        raise DataError(
            f"labels has the shape {tuple(labels.shape)}; expected (N,): of one-hot rows, labels.argmax(1)."
        )
    if len(labels) != len(x):
        raise DataError(f"labels has {len(labels)} rows for {len(x)} samples of x; give one for each.")
    if labels.is_floating_point():
        broken = (labels != labels.round()) | ~labels.isfinite()  # NaN differs from itself
        if broken.any():
            row = int(broken.nonzero()[0])
            raise DataError(
                f"labels has {labels[row].item()} at row {row}; expected whole numbers, and -1 for a sample without "
                "a class."
            )
    return labels.long()


def _as_tensor(name: str, values: Any) -> Tensor:
    """A tensor of real numbers or truth values, as they are. DataError for anything else."""
    if isinstance(values, Tensor) and not values.is_complex():
        return values.detach()
    require_plain(name, values)
    array = values.numpy(force=True) if isinstance(values, Tensor) else np.asarray(values)
    kinds = {"f": np.float64 if array.dtype.itemsize > 4 else np.float32, "i": np.int64, "u": np.int64, "b": np.bool_}
    if array.dtype.kind in "UST" or (array.size and isinstance(array.flat[0], str)):
        raise DataError(
            f"{name} has words, such as {str(array.flat[0])!r}; number them: names, numbers = np.unique({name}, "
            "return_inverse=True), and class_names=tuple(names) for labels."
        )
    if array.dtype.kind not in kinds:
        raise DataError(
            f"{name} is {type(values).__name__} of {array.dtype}; expected an array or a tensor of numbers."
        )
    return torch.from_numpy(np.require(array, kinds[array.dtype.kind], ["C", "W"]))
