"""The linear encoder of dictionary models: pre-activations W (x - b) + b_enc, from which a model selects."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from models.base import ConfigT, Model, SparseCodes
from models.exchange.checkpoint import Checkpoint
from models.parts.atoms import project_gradient, random_atoms
from models.parts.auxk import AuxK, AuxKConfig
from models.parts.centred_linear import centred_linear
from models.parts.dictionary import Dictionary
from models.parts.errors import summed_variance
from models.parts.largest import top_k_linear
from models.parts.sparse import Selection, selected_preactivations


class LinearEncoderModel(Dictionary, Model[ConfigT]):
    """A dictionary whose codes come from pre-activations W (x - b) + b_enc, W initialised to the atoms.

    If the config is an `AuxKConfig`, the model has AuxK, and the variance by which its error is divided; a model that
    declares `scaled` has the variance alone.
    """

    encoder: nn.Parameter
    """W, (M, D)."""
    encoder_bias: nn.Parameter
    """b_enc, (M,)."""
    scaled: ClassVar[bool] = False
    """Whether a model without AuxK has the variance, too."""
    auxk: AuxK
    """Revives dead units."""
    variance: Tensor
    """Variance of the training images, summed over features, ()."""

    def __init__(self, config: ConfigT, n_features: int) -> None:
        super().__init__(config, n_features)
        self.dictionary = random_atoms(config.n_latents, n_features)
        self.bias = nn.Parameter(torch.zeros(n_features))
        self.encoder = nn.Parameter(self.dictionary.detach().clone())
        self.encoder_bias = nn.Parameter(torch.zeros(config.n_latents))
        if isinstance(config, AuxKConfig):
            self.auxk = AuxK(config)
        if self.scaled or isinstance(config, AuxKConfig):
            self.register_buffer("variance", torch.ones(()))

    @torch.no_grad()
    def prepare(self, x: Tensor, labels: Tensor) -> None:
        """Centre b on the training images x (N, D), and prepare AuxK if the model has it."""
        super().prepare(x, labels)
        if self.scaled or isinstance(self.config, AuxKConfig):
            self.variance.copy_(summed_variance(x))
        if isinstance(self.config, AuxKConfig):
            self.auxk.prepare(self.n_train or len(x))

    def preactivations(self, x: Tensor) -> Tensor:
        """W (x - b) + b_enc of x (N, D): (N, M)."""
        return centred_linear(x, self.encoder, self.encoder_bias, self.bias)

    def largest(self, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k largest pre-activations of each sample and their units, (N, k) each."""
        return top_k_linear(x - self.bias, self.encoder, self.encoder_bias, k)

    def selected_activations(self, x: Tensor, values: Tensor, selection: Selection) -> Tensor:
        """The pre-activations `values` (N, k) of the selected units, rectified and with their gradients."""
        return selected_preactivations(x, self.encoder, self.encoder_bias, self.bias, values, selection).relu()

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """The k largest of each sample's rectified pre-activations."""
        values, indices = self.largest(x, k)
        return SparseCodes(values.relu(), indices, self.config.n_latents)

    def as_checkpoint(self) -> Checkpoint:
        """The k largest of rectified pre-activations."""
        return self._as("topk")

    def _as(self, selection: str, **more: Tensor) -> Checkpoint:
        """Itself as other libraries know it; `more` tensors are of each unit or of all."""
        tensors: dict[str, Tensor] = {"encoder": self.encoder, "encoder_bias": self.encoder_bias}
        tensors |= {"dictionary": self.dictionary, "bias": self.bias, "centre": self.bias}
        tensors |= {name: tensor.expand(len(self.encoder)) for name, tensor in more.items()}
        how = {"k": getattr(self.config, "k", None)} if selection == "topk" else {}
        return Checkpoint.of(selection, tensors, **how)

    def after_backward(self) -> None:
        """Project the gradient of the atoms, so that a step only rotates them."""
        project_gradient(self.dictionary)
