"""A GPU that has no memory left: what was tried, in sizes, and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bench.errors import first_line
from bench.store.spec import RunSpec
from models.base import Model

ADAM_BYTES = 16
"""Of a parameter in training: itself, its gradient and Adam's two moments, in float32."""


@contextmanager
def sizes_told(spec: RunSpec, doing: str, device: str, model: Model | None = None) -> Iterator[None]:
    """Within it, a GPU's want of memory is an error that names the sizes of a run, and the options that help.

    `doing` says what was tried, as "training".
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        found = first_line(str(error)).partition(" GPU ")[0].rstrip(".")
        tried = f"This was {doing} on {device}, with {_sizes(spec, model)}"
        raise torch.OutOfMemoryError(f"{found}. {_help(spec, doing)} {tried}.") from error


def _sizes(spec: RunSpec, model: Model | None) -> str:
    """'N 4096 (batch_size), D 768, M 16384 (n_latents), k 32; ...', as far as they are known."""
    n, m, k = (spec.config.get(field) for field in ("batch_size", "n_latents", "k"))
    d = model.n_features if model else None
    sizes = {f"N {n} (batch_size)": n, f"D {d}": d, f"M {m} (n_latents)": m, f"k {k}": k}
    words = ", ".join(text for text, size in sizes.items() if size is not None)
    if model:
        state = ADAM_BYTES * sum(each.numel() for each in model.parameters()) / 2**30
        words += f"; parameters, gradients and Adam's moments take {state:.2g} GiB"
    return f"{words}, and each (N, M) matrix of a batch {4 * n * m / 2**30:.2g} GiB" if n and m else words


def _help(spec: RunSpec, doing: str) -> str:
    batch = spec.config.get("batch_size")
    if doing == "evaluation":
        smaller = f"`python -m bench evaluate {spec.run_id} --device cpu`"
    else:
        fewer = f"--set {spec.model}.batch_size={max(1, batch // 2)}, " if isinstance(batch, int) else ""
        smaller = f"{fewer}fewer units by --set {spec.model}.n_latents=VALUE"
    return f"What helps: {smaller}, fewer runs on a GPU (--workers; on a cluster runs_per_gpu), or --device cpu."
