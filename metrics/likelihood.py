"""Bounds on the log-likelihood, for models that define one. Spikes are sampled hard, never relaxed.

The noise is drawn in fixed chunks, so that the result does not depend on the evaluation's batch size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from metrics.base import metric
from metrics.matrix import dense, spread

CHUNK = 500
"""Images whose noise is drawn at a time."""

IMPORTANCE_SAMPLES = 50
"""Samples of z for each image."""

MAX_SAMPLES = 2000
"""Images for which importance samples are drawn, evenly spaced."""


@metric(
    label="-ELBO",
    direction="min",
    unit="nats",
    range="(-inf, inf)",
    source="Kingma & Welling 2014",
    headline=True,
    given="likelihood",
)
def neg_elbo(likelihood: Any, x: Tensor) -> float:
    """Negative evidence lower bound per image, with one sample of z and analytic KL terms."""
    return -torch.cat([likelihood.elbo(chunk) for chunk in x.split(CHUNK)]).double().mean().item()


@metric(
    label="NLL",
    direction="min",
    unit="nats",
    range="(-inf, inf)",
    source="Burda et al. 2016 (1509.00519), Eq. 8",
    given="likelihood",
)
def nll(likelihood: Any, x: Tensor) -> float:
    """Upper bound on -log p(x) per image, from 50 importance samples; tighter than -ELBO.

    Over 2,000 evenly spaced images.
    """
    x = dense(spread(x, MAX_SAMPLES))
    bounds = [likelihood.log_likelihood(chunk, IMPORTANCE_SAMPLES) for chunk in x.split(CHUNK)]
    return -torch.cat(bounds).double().mean().item()
