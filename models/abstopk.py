"""AbsTopK SAE: the k pre-activations of largest magnitude, signs kept (Zhu et al. 2025, arXiv 2510.00404).

z = the k entries of W (x - b) + b_enc that are largest in absolute value, others zero; x_hat = z D + b with unit-norm
atoms D. The step is the projection onto codes of k non-zeros, without the ReLU of TopK: one unit may stand for two
opposite concepts. Minimises the squared error divided by the data's variance, as TopK here. AuxK is as in TopK, but
that dead units take their signs to the residual, too [choice].
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.base import Losses, SparseCodes
from models.parts.auxk import AuxKConfig
from models.parts.errors import squared_error
from models.parts.largest import top_k
from models.parts.linear_encoder import LinearEncoderModel
from models.parts.sparse import Selection, selected_preactivations


class AbsTopKConfig(AuxKConfig):
    """Hyperparameters of the AbsTopK SAE."""


class AbsTopK(LinearEncoderModel[AbsTopKConfig]):
    """AbsTopK sparse autoencoder: codes of either sign; a unit is active where its code is not zero."""

    Config = AbsTopKConfig
    capturable = True
    as_checkpoint = None  # type: ignore[assignment] # no other library selects in this way

    def __init__(self, config: AbsTopKConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.auxk.signed = True

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        with torch.no_grad():
            codes = self.code(x, self.config.k)
        selection = Selection(codes.indices, self.config.n_latents)
        values = selected_preactivations(x, self.encoder, self.encoder_bias, self.bias, codes.values, selection)
        x_hat = self.reconstruct(values, selection)
        fvu = squared_error(x_hat, x) / self.variance
        return self.auxk.losses(self, x, values, selection, fvu, x - x_hat)

    def preactivations(self, x: Tensor) -> Tensor:
        """|W (x - b) + b_enc| of x (N, D), by which units are selected: (N, M)."""
        return super().preactivations(x).abs()

    def encode(self, x: Tensor) -> SparseCodes:
        return self.code(x, self.config.k)

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k pre-activations of largest magnitude of each sample."""
        pre = super().preactivations(x)
        indices = top_k(pre.abs(), k)[1]
        return SparseCodes(pre.gather(1, indices), indices, self.config.n_latents)
