"""HierarchicalTopK SAE: one model for every budget up to k (Balagansky et al. 2025, EMNLP, arXiv 2505.24473).

Codes are those of TopK. The loss is the mean error of k reconstructions: x_hat_j from the j largest activations of a
sample and b, for j = 1 ... k, instead of that of x_hat_k alone. AuxK uses the residual of x_hat_k [choice]. The paper's
means over a part of the budgets are left out.

No reconstruction but the last is built. With v the activations of a sample in descending order, A its (k, D) atoms in
that order, and c = x - b, the i-th atom is in n_i = k - i + 1 of them, the i-th and the t-th together in n_max(i, t):

    sum_j ||x - x_hat_j||^2 = k ||c||^2 - 2 c . sum_i n_i v_i A_i + sum_it n_max(i, t) v_i v_t A_i . A_t.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from models.base import Losses, SparseCodes
from models.parts.auxk import AuxKConfig
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.pursuit import coupling, gram_matrix, inner_products
from models.parts.sparse import Selection


class HierarchicalTopKConfig(AuxKConfig):
    """Hyperparameters of the HierarchicalTopK SAE; k is the largest budget."""


class HierarchicalTopK(LinearEncoderModel[HierarchicalTopKConfig]):
    """TopK sparse autoencoder that is trained at every budget from 1 to k at once."""

    Config = HierarchicalTopKConfig
    capturable = True

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            values, indices = self.largest(x, self.config.k)
            values, order = values.sort(dim=1, descending=True)
        selection = Selection(indices.gather(1, order), self.config.n_latents)
        values = self.selected_activations(x, values, selection)
        centred, atoms = x - self.bias, self.dictionary.detach()
        budgets = torch.arange(self.config.k, 0, -1, device=x.device)  # n_i
        summed = selection.product(budgets * values, atoms)
        errors = self.config.k * centred.square().sum() - 2 * (centred * summed).sum()
        errors = errors + _Pairs.apply(values, self.dictionary, centred.detach(), selection, budgets)
        with torch.no_grad():
            residual = centred - selection.product(values, atoms)
        fvu = errors / (values.numel() * self.variance)
        return self.auxk.losses(self, x, values, selection, fvu, residual)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)


class _Pairs(Function):
    """sum_it n_max(i, t) v_i v_t A_i . A_t over all samples, (), of values (N, k), atoms (M, D) and budgets n (k,).

    The gradient of the atoms is that of the whole error, with its term in the centred inputs (N, D): one sum, not two.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, atoms: Tensor, centred: Tensor, selection: Selection, budgets: Tensor
    ) -> Tensor:
        n, k = values.shape
        together = torch.minimum(budgets, budgets[:, None])
        gram = gram_matrix(atoms) if len(atoms) ** 2 <= n * k**2 else None  # of fewer pairs than there are
        halves = ((together * inner_products(atoms, selection.indices, gram)) @ values[:, :, None]).squeeze(2)
        ctx.selection = selection
        ctx.save_for_backward(values, atoms, centred, halves, budgets, together)
        return (values * halves).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        values, atoms, centred, halves, budgets, together = ctx.saved_tensors
        twice = 2 * grad
        pairs = twice * together * values[:, :, None] * values[:, None, :]
        linear = ctx.selection.transposed_product(twice * budgets * values, centred)
        return twice * halves, coupling(atoms, ctx.selection, pairs).sub_(linear), None, None, None
