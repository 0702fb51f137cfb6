"""What the paper of the variational SAE claims (Baker & Li 2025, arXiv 2509.22994).

A beta, or a noise, means little without the scale of the inputs: where atoms may grow, as in the released code, (s x,
beta) acts as (x, beta / s^2). So each claim has two verdicts: on pixels in [0, 1], whose mean squared norm on MNIST is
88, and at the paper's scale, a mean squared norm of 1 (`unit`). Here atoms have unit norm: without noise the scale
cancels but for what Adam makes of it, with noise it sets the signal against the noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.claims.catalogue.common import SAE, TOPK, steps
from bench.claims.verdict import Arm, Claim, Score

VSAE = "2509.22994"
SCALES = ("mnist", "mnist:normalise=unit")
SCALED = "; pixels, or mean squared norm 1 (unit)"

RELEASED: dict[str, Any] = SAE | {"k": 10, "variance": "none"}
SAMPLED: dict[str, Any] = SAE | {"k": 10, "variance": "learned", "beta": 0.0}
BETAS = {f"beta {beta:g}": Arm("vsae", RELEASED | {"beta": beta}) for beta in (1e-4, 1e-2, 1.0, 100.0)}
NOISELESS = Arm("vsae", RELEASED | {"beta": 0.0})
SIGMAS = {
    f"sigma {s:g}": Arm("vsae", SAMPLED | {"log_variance_init": v})
    for s, v in ((0.05, -6.0), (0.135, -4.0), (0.368, -2.0), (0.607, -1.0))
}


def _noise_correlation(of: Score) -> float:
    """Pearson correlation between explained variance and selection agreement, over noise levels."""
    explained = [of(arm, "explained_variance") for arm in SIGMAS]
    agreement = [of(arm, "selection_agreement") for arm in SIGMAS]
    return float(np.corrcoef(explained, agreement)[0, 1])


def _kl_share(of: Score) -> float:
    """Share of the lost explained variance that is due to the KL term, not to the noise."""
    clean, noisy, both = (of(arm, "explained_variance") for arm in ("clean", "sigma 0.368", "with kl"))
    return (noisy - both) / (clean - both)


CLAIMS = (
    Claim(
        "S1", VSAE, "Without noise it is TopK with an L2 penalty", "FVU",
        "vSAE - TopK + L2, matched; beta 1" + SCALED, "-0.0003", SCALES,
        {
            "vsae": Arm("vsae", RELEASED | {"beta": 1.0, "beta_warmup": 0.0}),
            "l2": Arm("topk-l2", SAE | {"k": 10, "auxk": 0}),
        },
        lambda of: of("vsae", "fvu") - of("l2", "fvu"), within=0.01,
    ),
    Claim(
        "S2", VSAE, "The KL term kills features", "live units, smallest step of the order",
        "beta 1e-4 > 0.01 > 1 > 100" + SCALED, "78, 64, 50, 35%", SCALES, BETAS,
        lambda of: steps([of(arm, "live_units") for arm in reversed(BETAS)]),
    ),
    Claim(
        "S3", VSAE, "Sampling destroys reconstruction", "explained variance",
        "no noise - learned sigma, from 0.37" + SCALED, "0.41", SCALES, SIGMAS | {"clean": NOISELESS},
        lambda of: of("clean", "explained_variance") - of("sigma 0.368", "explained_variance"),
    ),
    Claim(
        "S4", VSAE, "It is the noise, not the KL term", "1/2 - the KL term's share of the loss of EV",
        "beta 1e-4 against 0, sigma from 0.37" + SCALED, "0.44 (a share of 6%)", SCALES,
        SIGMAS | {"clean": NOISELESS, "with kl": Arm("vsae", SAMPLED | {"beta": 1e-4})},
        lambda of: 0.5 - _kl_share(of),
    ),
    Claim(
        "S5", VSAE, "Explained variance follows the agreement of selections", "Pearson correlation over 4 noise levels",
        "sigma 0.05 to 0.61 at the start" + SCALED, "0.999", SCALES, SIGMAS, _noise_correlation,
    ),
    Claim(
        "S5b", VSAE, "It follows them as closely as published", "Pearson correlation over 4 noise levels",
        "sigma 0.05 to 0.61 at the start" + SCALED, "0.999", SCALES, SIGMAS, _noise_correlation, above=0.99,
    ),
    Claim(
        "S6", VSAE, "The variational SAE reconstructs worse than TopK", "explained variance",
        "TopK - vSAE without noise; beta 1" + SCALED, "above 0", SCALES, {"topk": TOPK, "vsae": BETAS["beta 1"]},
        lambda of: of("topk", "explained_variance") - of("vsae", "explained_variance"),
    ),
    Claim(
        "S6b", VSAE, "It has more dead units than TopK", "dead fraction",
        "vSAE without noise - TopK with AuxK; beta 1" + SCALED, "0.72", SCALES,
        {"topk": TOPK, "vsae": BETAS["beta 1"]},
        lambda of: of("vsae", "dead_fraction") - of("topk", "dead_fraction"),
    ),
    Claim(
        "S6c", VSAE, "It has more dead units than a TopK that revives none", "dead fraction",
        "vSAE without noise - TopK without AuxK; beta 1" + SCALED, "0.72, of a TopK with AuxK", SCALES,
        {"topk": Arm("topk", SAE | {"k": 10, "auxk": 0}), "vsae": BETAS["beta 1"]},
        lambda of: of("vsae", "dead_fraction") - of("topk", "dead_fraction"),
    ),
    Claim(
        "S7", VSAE, "Its atoms are less alike (not the abstract's SCR and TPP)", "mean |cosine| of live atoms",
        "TopK - vSAE without noise; beta 1" + SCALED, "below 0 in the authors' post", SCALES,
        {"topk": TOPK, "vsae": BETAS["beta 1"]},
        lambda of: of("topk", "live_cosine") - of("vsae", "live_cosine"),
    ),
)  # fmt: skip
