"""HierarchicalTopK SAE: one model for every budget up to k (Balagansky et al. 2025, EMNLP, arXiv 2505.24473).

Codes are those of TopK. The loss is the mean error of k reconstructions: x_hat_j from the j largest activations of a
sample and b, for j = 1 ... k, instead of that of x_hat_k alone. AuxK uses the residual of x_hat_k [choice]. The paper's
means over a part of the budgets are left out.

The reconstructions share their sums. With A the (k, D) atoms of a sample in the order of their activations v, and
r_j = x - b - (v_1 A_1 + ... + v_j A_j), the error sum_j ||r_j||^2 has the gradients -2 A_i . S_i in v_i, -2 v_i S_i in
A_i and 2 S_1 in x - b, where S_i = r_i + ... + r_k. They are computed with the residuals, a block of samples after the
other: nothing of the size (N, M) or (k, N, M) is built.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from models.base import Losses, SparseCodes
from models.parts.auxk import AuxKConfig
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.pursuit import sample_blocks, selected_atoms
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
        errors, residual = _Prefixes.apply(values, self.dictionary, x - self.bias, selection)
        fvu = errors / (values.numel() * self.variance)
        return self.auxk.losses(self, x, values, selection, fvu, residual)

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)


class _Prefixes(Function):
    """Of values (N, k), atoms (M, D) and x - b (N, D): sum_nj ||r_nj||^2 (), and the r_k (N, D), without gradient."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, atoms: Tensor, centred: Tensor, selection: Selection
    ) -> tuple[Tensor, Tensor]:
        blocks = list(sample_blocks(selection.indices, atoms.shape[1]))
        lower = values.new_ones(values.shape[1], values.shape[1]).tril()  # [j, i]: whether r_j lacks the atom i
        grad_values, grad_atoms, grad_centred = (torch.zeros_like(each) for each in (values, atoms, centred))
        residual, errors = torch.empty_like(centred), values.new_zeros(())
        for rows in blocks:
            own, v = selected_atoms(atoms, selection.indices[rows]), values[rows]
            residuals = torch.baddbmm(centred[rows, None], lower * v[:, None], own, alpha=-1)  # r: (n, k, D)
            errors += residuals.square().sum()
            grad_values[rows] = ((residuals @ own.mT) * lower).sum(1)
            grad_centred[rows] = residuals.sum(1)
            by_slot = (lower.T * v[:, :, None]) @ residuals  # v_i S_i
            if len(blocks) == 1:  # in a fixed order on a GPU, too
                grad_atoms = selection.sum_rows(by_slot)
            else:
                grad_atoms.index_add_(0, selection.indices[rows].flatten(), by_slot.flatten(0, 1))
            residual[rows] = residuals[:, -1]
        ctx.save_for_backward(grad_values, grad_atoms, grad_centred)
        ctx.mark_non_differentiable(residual)
        return errors, residual

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        grad_values, grad_atoms, grad_centred = ctx.saved_tensors
        return -2 * grad * grad_values, -2 * grad * grad_atoms, 2 * grad * grad_centred, None
