"""An epoch of the same variational autoencoder, 784-400-(mu, log-variance)-400-784, as three libraries run it.

A builder takes all training inputs x (N, D) and returns a function that runs one epoch and returns its loss.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEARNING_RATE = 1e-3
HIDDEN = 400
BATCH_SIZE = 64


def our_vae(x: Tensor, m: int, k: int) -> Callable[[], float]:
    """An epoch of `bench.execute.training.train`, history and checks included."""
    from bench.datasets.base import Split
    from bench.execute.training import train
    from models.vae import VAE, VAEConfig

    config = VAEConfig(n_latents=m, hidden=HIDDEN, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, epochs=1)
    model, data = VAE(config, x.shape[1]), Split(x, torch.zeros(len(x), dtype=torch.int64))
    return lambda: float(train(model, data, batches_seed=0).history["total"].iloc[-1])


class _BareVAE(nn.Module):
    """The network of `models.vae`, as anyone would write it."""

    def __init__(self, n_features: int, m: int) -> None:
        super().__init__()
        self.encoder, self.heads = nn.Linear(n_features, HIDDEN), nn.Linear(HIDDEN, 2 * m)
        self.hidden, self.pixels = nn.Linear(m, HIDDEN), nn.Linear(HIDDEN, n_features)

    def forward(self, x: Tensor) -> Tensor:
        mu, log_variance = self.heads(F.relu(self.encoder(x))).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * log_variance) * torch.randn_like(mu)
        logits = self.pixels(F.relu(self.hidden(z)))
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return (nll - 0.5 * torch.sum(1 + log_variance - mu.square() - log_variance.exp())) / len(x)


def bare_vae(x: Tensor, m: int, k: int) -> Callable[[], float]:
    """An epoch of a plain PyTorch loop."""
    model = _BareVAE(x.shape[1], m)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def epoch() -> float:
        total = 0.0
        for rows in torch.randperm(len(x)).split(BATCH_SIZE):
            loss = model(x[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        return total

    return epoch


def pythae_vae(x: Tensor, m: int, k: int, fused: bool = False) -> Callable[[], float]:
    """An epoch of `BaseTrainer.train_step`, its data loader included, its checkpoints left out."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU())
            self.mu, self.log_variance = nn.Linear(HIDDEN, m), nn.Linear(HIDDEN, m)

        def forward(self, x: Tensor) -> ModelOutput:
            h = self.body(x)
            return ModelOutput(embedding=self.mu(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            layers = nn.Linear(m, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, x.shape[1]), nn.Sigmoid()
            self.body = nn.Sequential(*layers)

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z))

    config = VAEConfig(input_dim=(x.shape[1],), latent_dim=m, reconstruction_loss="bce")
    folder = tempfile.TemporaryDirectory()  # it writes there even so; removed with the trainer
    settings = BaseTrainerConfig(
        output_dir=folder.name,
        per_device_train_batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        optimizer_params={"fused": fused},
        no_cuda=True,
    )
    data = BaseDataset(x, torch.zeros(len(x)))
    trainer = BaseTrainer(VAE(config, Encoder(), Decoder()), data, training_config=settings)
    trainer.prepare_training()
    trainer.folder = folder
    return lambda: trainer.train_step(1)
