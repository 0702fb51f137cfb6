"""MP-SAE: matching pursuit as the encoder of a tied dictionary (Costa et al. 2025, arXiv 2506.03093, 2506.05239).

Start from r = x - b and repeat k times: j = argmax_j D_j . r, v = max(0, D_j . r), z_j += v, r <- r - v D_j. Then
x_hat = z D + b, with ||D_j|| = 1. Minimises the squared error ||r||^2 after the last step; gradients flow through every
step except the argmax. The released code's atom dropout in the first epoch is left out [choice].
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from models.base import Losses, SparseCodes
from models.exchange.checkpoint import Checkpoint, CheckpointError
from models.parts.dictionary import TiedModel, TrainedKSparseConfig
from models.parts.errors import squared_error
from models.parts.pursuit import Choice, pursuit, use_gram


class MatchingPursuitConfig(TrainedKSparseConfig):
    """Hyperparameters of MP-SAE."""

    selection: Choice = Field(
        "nonnegative",
        description="Atom of the largest D_j . r, with v >= 0 (nonnegative) [2506.05239, code] or any sign (signed), "
        "or atom of the largest |D_j . r| (absolute)",
    )
    threshold: float = Field(
        0.0, ge=0, description="Pursuit stops when ||r|| is at most this; 0: always k steps [2506.03093]"
    )


class MatchingPursuit(TiedModel[MatchingPursuitConfig]):
    """Matching-pursuit sparse autoencoder; an atom may be selected again, so L0 is at most k."""

    Config = MatchingPursuitConfig
    capturable = True

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        config = self.config
        by_gram = use_gram(x, config.n_latents, config.k)
        values, selection = pursuit(
            x, self.bias, self.dictionary, config.k, by_gram, config.selection, config.threshold
        )
        sse = squared_error(self.reconstruct(values, selection), x)
        return Losses(sse, {"sse": sse})

    def code(self, x: Tensor, k: int) -> SparseCodes:
        """Codes after at most k steps of pursuit; a larger k continues the same steps."""
        # Never by the Gram matrix: it rounds differently, and a code must not depend on the size of its batch.
        config = self.config
        values, selection = pursuit(
            x, self.bias, self.dictionary, k, False, choice=config.selection, threshold=config.threshold
        )
        return SparseCodes(values, selection.indices, config.n_latents)

    def as_checkpoint(self) -> Checkpoint:
        """The same pursuit; one that is at rest to begin with makes a step there."""
        config = self.config
        if config.selection == "absolute":
            raise CheckpointError("no other library selects by the absolute value, as `selection: absolute` does")
        tensors = {"dictionary": self.dictionary, "bias": self.bias, "centre": self.bias}
        signed = config.selection == "signed"
        return Checkpoint.of("pursuit", tensors, k=config.k, signed=signed, stop_norm=config.threshold)
