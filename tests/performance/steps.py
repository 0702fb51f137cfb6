"""One training step of every implementation in the benchmark: `BUILDERS[step, implementation](x, m, k)()`.

A builder imports its library, builds the model for the batch x with m latents and k active units, and returns a
function that does one step and returns the loss. Peers are stepped by their own trainers where these take a tensor,
at those trainers' defaults, but for Adam, which is the fused one for all, so that no row is slow by its optimiser.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from tests.performance.epochs import LEARNING_RATE, bare_vae, our_vae, pythae_vae

Step = Callable[[], float]
Builder = Callable[[Tensor, int, int], Step]

FOREVER = 10**9
"""Samples, steps or epochs that never pass: no schedule ends, and none of our units is declared dead."""


def _adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)


def _fuse(optimiser: torch.optim.Optimizer) -> None:
    """Make the Adam that a peer's trainer built a fused one; before its first step."""
    for group in optimiser.param_groups:
        group["fused"] = True


def ours(module: str, name: str, **settings: Any) -> Builder:
    """A model of this repository, stepped as `bench.execute.training` steps it."""

    def build(x: Tensor, m: int, k: int) -> Step:
        cls = getattr(import_module(module), name)
        config = cls.Config(n_latents=m, k=k, batch_size=len(x), learning_rate=LEARNING_RATE, **settings)
        model = cls(config, x.shape[1])
        labels = torch.zeros(len(x), dtype=torch.int64)
        model.prepare(x, labels)
        optimiser = _adam(model.parameters())

        def step() -> float:
            optimiser.zero_grad(set_to_none=True)
            total = model.loss(x, labels, 0.0).total
            total.backward()
            model.after_backward()
            optimiser.step()
            model.after_step()
            return total.item()

        return step

    return build


def overcomplete(name: str) -> Builder:
    """A step of its `train_sae`, monitoring off: dead-code tracker and gradient clipping included."""

    def build(x: Tensor, m: int, k: int) -> Step:
        from overcomplete import sae as library

        active = {"top_k" if name == "TopKSAE" else "k": k}
        sae = getattr(library, name)(x.shape[1], m, **active, device=str(x.device))
        optimiser = _adam(sae.parameters())
        losses = [0.0]

        def criterion(x: Tensor, x_hat: Tensor, pre_codes: Tensor, codes: Tensor, dictionary: Tensor) -> Tensor:
            loss = (x - x_hat).square().mean()
            losses[0] = loss.item()
            return loss

        def step() -> float:
            library.train_sae(sae, [x], criterion, optimiser, nb_epochs=1, monitoring=0, device=str(x.device))
            return losses[0]

        return step

    return build


def sae_lens(name: str) -> Builder:
    """`SAETrainer.step`: firing statistics and gradient clipping included.

    Matching pursuit's atoms are of unit norm at the start only: its trainer never normalises them again.
    """

    def build(x: Tensor, m: int, k: int) -> Step:
        import sae_lens as library
        from sae_lens.config import SAETrainerConfig
        from sae_lens.training.sae_trainer import SAETrainer

        if name == "TopK":
            settings: dict[str, Any] = {"k": k}
        else:  # exactly k iterations, as in the others: no early stop
            settings = {"max_iterations": k, "residual_threshold": 0.0, "stop_on_duplicate_support": False}
            settings["decoder_init_norm"] = 1.0
        config = getattr(library, f"{name}TrainingSAEConfig")(
            d_in=x.shape[1], d_sae=m, device=str(x.device), **settings
        )
        sae = getattr(library, f"{name}TrainingSAE")(config)
        rate = {"lr": LEARNING_RATE, "lr_end": LEARNING_RATE, "device": str(x.device)}
        budget = SAETrainerConfig(total_training_samples=FOREVER, train_batch_size_samples=len(x), **rate)
        trainer = SAETrainer(budget, sae, data_provider=iter(()))
        _fuse(trainer.optimizer)

        def step() -> float:
            loss = trainer.step(x).loss.item()
            trainer.n_training_steps += 1
            return loss

        return step

    return build


def dictionary_learning_topk(x: Tensor, m: int, k: int) -> Step:
    """`TopKTrainer.update`: dead-unit counts, projection, gradient clipping, unit norms, rate schedule."""
    from dictionary_learning.trainers.top_k import TopKTrainer

    names = {"layer": 0, "lm_name": "none"}
    trainer = TopKTrainer(FOREVER, x.shape[1], m, k, **names, lr=LEARNING_RATE, device=str(x.device))
    _fuse(trainer.optimizer)
    done = iter(range(FOREVER))
    return lambda: trainer.update(next(done), x)


def sparsify_topk(x: Tensor, m: int, k: int) -> Step:
    """What its `Trainer`, which wants a language model, does with a batch; AuxK is off there by default."""
    if x.device.type == "cpu":  # its Triton decoder, taken wherever triton is installed, runs on GPUs only
        os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
    from sparsify import SparseCoder, SparseCoderConfig

    sae = SparseCoder(x.shape[1], SparseCoderConfig(num_latents=m, k=k), device=x.device)
    sae.b_dec.data = x.mean(0)
    optimiser = _adam(sae.parameters())
    silence = torch.zeros(m, dtype=torch.int64, device=x.device)

    def step() -> float:
        sae.set_decoder_norm_to_unit_norm()
        out = sae(x)
        out.fvu.backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimiser.step()
        optimiser.zero_grad()
        silence.add_(len(x))
        silence[out.latent_indices.flatten()] = 0
        return out.fvu.item()

    return step


BUILDERS: dict[tuple[str, str], Builder] = {
    ("TopK", "ours"): ours("models.topk", "TopK", dead_after_epochs=FOREVER),
    ("TopK", "overcomplete"): overcomplete("TopKSAE"),
    ("TopK", "sae-lens"): sae_lens("TopK"),
    ("TopK", "dictionary-learning"): dictionary_learning_topk,
    ("TopK", "eai-sparsify"): sparsify_topk,
    ("MP", "ours"): ours("models.mp", "MatchingPursuit"),
    ("MP", "sae-lens"): sae_lens("MatchingPursuit"),
    ("MP", "overcomplete"): overcomplete("MpSAE"),
    ("OMP", "ours"): ours("models.omp", "OMP"),
    ("OMP", "overcomplete"): overcomplete("OMPSAE"),
    ("VAE epoch", "ours"): our_vae,
    ("VAE epoch", "bare loop"): bare_vae,
    ("VAE epoch", "pythae"): pythae_vae,
    ("VAE epoch", "pythae, fused Adam"): partial(pythae_vae, fused=True),
}
