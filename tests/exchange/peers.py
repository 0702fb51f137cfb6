"""Small checkpoints that the real libraries write, and folders that the real libraries open. In their environment only.

`tests/exchange/__main__.py` compares; `made/` holds what `write` left, so that the default suite needs no library.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

warnings.filterwarnings("ignore")
os.environ["SPARSIFY_DISABLE_TRITON"] = "1"  # its Triton decoder runs on GPUs alone
D, M, K, N = 6, 16, 3, 40
THRESHOLD = 0.3


class Made(NamedTuple):
    """A model of a real library, and how it is saved."""

    name: str
    """Format and architecture."""
    path: str
    """What follows the folder where it is named to the import: a file, options."""
    save: Callable[[Path], object]
    """Saves it into a folder."""
    load: Callable[[Path], Any]
    """Opens it again as its users do."""


def shaken(module: nn.Module) -> nn.Module:
    """A module with all parameters moved at random, so that no bias is zero and no norm is one."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module.eval()


def saelens() -> Iterator[Made]:
    """SAELens: architectures of inference, and BatchTopK as it is saved for inference."""
    from sae_lens import (
        SAE,
        BatchTopKTrainingSAE,
        BatchTopKTrainingSAEConfig,
        GatedSAE,
        GatedSAEConfig,
        JumpReLUSAE,
        JumpReLUSAEConfig,
        MatchingPursuitSAE,
        MatchingPursuitSAEConfig,
        MatryoshkaBatchTopKTrainingSAE,
        MatryoshkaBatchTopKTrainingSAEConfig,
        StandardSAE,
        StandardSAEConfig,
        TopKSAE,
        TopKSAEConfig,
    )

    sizes: dict[str, Any] = {"d_in": D, "d_sae": M}
    models = {
        "standard": StandardSAE(StandardSAEConfig(**sizes)),
        "standard, b_dec not taken from inputs": StandardSAE(StandardSAEConfig(**sizes, apply_b_dec_to_input=False)),
        "topk": TopKSAE(TopKSAEConfig(**sizes, k=K)),
        "topk, rescaled by decoder norms": TopKSAE(TopKSAEConfig(**sizes, k=K, rescale_acts_by_decoder_norm=True)),
        "jumprelu": JumpReLUSAE(JumpReLUSAEConfig(**sizes)),
        "gated": GatedSAE(GatedSAEConfig(**sizes)),
        "matching pursuit": MatchingPursuitSAE(MatchingPursuitSAEConfig(**sizes, max_iterations=K)),
        "matching pursuit, to a residual": MatchingPursuitSAE(
            MatchingPursuitSAEConfig(**sizes, residual_threshold=0.8, stop_on_duplicate_support=False)
        ),
    }
    for architecture, model in models.items():
        shaken(model)
        if "pursuit" in architecture:
            model.W_dec.data /= model.W_dec.data.norm(dim=1, keepdim=True)
        if architecture == "jumprelu":
            model.threshold.data.abs_()
        yield Made(f"saelens, {architecture}", "", model.save_model, SAE.load_from_disk)
    groups = {"matryoshka_widths": [M // 4, M]}
    for name, trained in {
        "batchtopk": BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**sizes, k=K)),
        "matryoshka": MatryoshkaBatchTopKTrainingSAE(MatryoshkaBatchTopKTrainingSAEConfig(**sizes, k=K, **groups)),
    }.items():
        shaken(trained)
        trained.topk_threshold.fill_(THRESHOLD)
        yield Made(f"saelens, {name} as jumprelu", "", trained.save_inference_model, SAE.load_from_disk)


def dictionary_learning() -> Iterator[Made]:
    """dictionary_learning: its classes, saved as its training loop does."""
    from dictionary_learning.dictionary import AutoEncoder, AutoEncoderNew, GatedAutoEncoder, JumpReluAutoEncoder
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    models = [
        AutoEncoder(D, M),
        AutoEncoderNew(D, M),
        GatedAutoEncoder(D, M),
        AutoEncoderTopK(D, M, K),
        BatchTopKSAE(D, M, K),
        MatryoshkaBatchTopKSAE(D, M, K, [M // 4, M - M // 4]),
        JumpReluAutoEncoder(D, M),
    ]
    for model in models:
        shaken(model)
        if hasattr(model, "threshold"):
            model.threshold.data.fill_(THRESHOLD)
        trainer = {"dict_class": type(model).__name__, "activation_dim": D, "dict_size": M}
        trainer |= {"k": K} if hasattr(model, "k") else {}

        def save(folder: Path, model: nn.Module = model, trainer: dict[str, Any] = trainer) -> None:
            torch.save(model.state_dict(), folder / "ae.pt")
            (folder / "config.json").write_text(json.dumps({"trainer": trainer}))

        yield Made(f"dictionary_learning, {type(model).__name__}", "", save, open_dictionary)


def open_dictionary(folder: Path) -> Any:
    """A folder, as dictionary_learning opens it; it says something where it rescales the decoder."""
    from dictionary_learning.utils import load_dictionary

    with contextlib.redirect_stdout(io.StringIO()):
        return load_dictionary(str(folder), "cpu")[0]


def sparsify() -> Iterator[Made]:
    """sparsify: TopK."""
    from sparsify import SparseCoder, SparseCoderConfig

    model = shaken(SparseCoder(D, SparseCoderConfig(num_latents=M, k=K)))
    yield Made("sparsify, topk", "", model.save_to_disk, SparseCoder.load_from_disk)


def overcomplete() -> Iterator[Made]:
    """overcomplete: state dicts. A BatchTopKSAE keeps its threshold out of them."""
    from overcomplete.sae import SAE, BatchTopKSAE, JumpSAE, MpSAE, TopKSAE

    batch = {"encoder_module": "mlp_bn_1"}
    models = {
        "SAE": (SAE(D, M), "k=all"),
        "SAE, batch normalisation": (SAE(D, M, **batch), "k=all"),
        "TopKSAE": (TopKSAE(D, M, top_k=K), f"k={K}"),
        "BatchTopKSAE": (BatchTopKSAE(D, M, top_k=K * N), f"threshold={THRESHOLD}"),
        "JumpSAE": (JumpSAE(D, M), ""),
        "MpSAE": (MpSAE(D, M, k=K), f"k={K}"),
    }
    for name, (model, options) in models.items():
        model.train()
        with torch.no_grad():
            model.encoder(torch.randn(N, D))  # so that batch normalisation has seen something
        shaken(model)
        if name == "BatchTopKSAE":
            model.running_threshold = torch.tensor(THRESHOLD)

        def save(folder: Path, model: nn.Module = model) -> None:
            torch.save(model.state_dict(), folder / "sae.pt")

        def load(folder: Path, model: nn.Module = model) -> nn.Module:
            model.train()
            model.load_state_dict(torch.load(folder / "sae.pt", weights_only=True))
            return model.eval()

        yield Made(f"overcomplete, {name}", "/sae.pt" + f":{options}" * bool(options), save, load)


LIBRARIES = (saelens, dictionary_learning, sparsify, overcomplete)
"""SAELens is imported first: another order does not load."""


def opener(name: str) -> Callable[[Path], Any]:
    """How a library opens what was written for it."""
    if name == "saelens":
        from sae_lens import SAE

        return SAE.load_from_disk
    if name == "sparsify":
        from sparsify import SparseCoder

        return SparseCoder.load_from_disk
    return open_dictionary


@torch.no_grad()
def outputs(model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Codes (N, M) and reconstructions (N, D) of a library's model, whatever it calls and returns."""
    codes = model.encode(x)
    if hasattr(codes, "top_acts"):  # sparsify
        z = torch.zeros(len(x), model.num_latents).scatter_(1, codes.top_indices, codes.top_acts)
        return z, model.decode(codes.top_acts, codes.top_indices)
    if isinstance(codes, tuple):  # overcomplete: what comes before selection, and codes
        codes = codes[1]
    return codes, model.decode(codes)
