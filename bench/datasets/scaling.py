"""How the inputs of a data set were normalised, and the way back."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Scaling(NamedTuple):
    """How inputs were normalised: x became (x - shift) * scale."""

    how: str
    """Its name: see `bench.datasets.normalising`."""
    shift: Tensor
    """Mean of the training inputs (D,), or 0, ()."""
    scale: Tensor
    """One factor (), or one for each dimension (D,)."""

    def of(self, x: Tensor) -> Tensor:
        """Inputs (N, D), normalised."""
        return (x - self.shift.to(x.device)) * self.scale.to(x.device)

    def undone(self, x: Tensor) -> Tensor:
        """Normalised inputs (N, D) in the units that the data have."""
        return x / self.scale.to(x.device) + self.shift.to(x.device)

    def __str__(self) -> str:
        factor = f"times {self.scale.item():.4g}" if self.scale.ndim == 0 else "each dimension over its deviation"
        return f"{self.how}: {'minus the training mean, ' if self.shift.any() else ''}{factor}"
