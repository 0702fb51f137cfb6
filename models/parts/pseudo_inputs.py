"""Pseudo-inputs: a prior that is a mixture of the posteriors of learned inputs (VSC, UAI 2019, supplement A.3).

p(z) = (1 / U) sum_u q(z | x_u). A selector picks the component of each image, so that KL(q || p) is bounded by
KL(q || q(z | x_u*)) + ln U.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE, OFFSET = 60.0, 0.5
"""a and b of the selection S(a (u - b)) [supplement A.3]."""


class PseudoInputs(nn.Module):
    """U learned inputs and their selector."""

    inputs: nn.Parameter
    """The inputs, (U, D); Xavier-initialised, as in the official code."""

    def __init__(self, n_inputs: int, n_features: int) -> None:
        super().__init__()
        self.inputs = nn.Parameter(nn.init.xavier_uniform_(torch.empty(n_inputs, n_features)))
        self.selector = nn.Linear(n_features, n_inputs)

    def weights(self, x: Tensor) -> Tensor:
        """Weight of each component for each image, (N, U), rows summing to 1.

        The output of a linear layer is normalised to unit sum (by softmax: a choice), passed through
        sigmoid(a (u - b)), and normalised again.
        """
        shares = torch.softmax(self.selector(x), dim=-1)
        return torch.softmax(F.logsigmoid(SLOPE * (shares - OFFSET)), dim=-1)
