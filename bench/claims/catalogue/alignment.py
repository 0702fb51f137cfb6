"""What the paper of class-aligned VSC claims (Sangari Abiz, Hosseini & Araabi 2025, arXiv 2505.14476)."""

from __future__ import annotations

from typing import Any

from bench.claims.catalogue.common import DIGITS_AND_CLOTHES
from bench.claims.verdict import Arm, Claim, Score

ALIGNED = "2505.14476"
EVERY_IMAGE = (*DIGITS_AND_CLOTHES, "factors")

SPIKE: dict[str, Any] = {"n_latents": 64, "alpha": 0.2, "batch_size": 128}
ALIGNMENT = {"plain": Arm("vsc", SPIKE), "aligned": Arm("vsc-aligned", SPIKE | {"alignment_weight": 1.0})}

LAMBDAS, ALPHAS, HEADS = (0.1, 1.0, 10.0), (0.01, 0.2, 0.5), ("logit", "log_relu")
ROLE_GRID = {
    f"alpha {alpha:g}, lambda {weight:g}, {head}": Arm(
        "vsc-aligned", SPIKE | {"alpha": alpha, "alignment_weight": weight, "spike_head": head}
    )
    for alpha in ALPHAS
    for weight in LAMBDAS
    for head in HEADS
}


def _coexisting(of: Score) -> dict[str, float]:
    """Number of global or of class-specific units, whichever is smaller, in each setting."""
    return {arm: min(of(arm, "global_units"), of(arm, "class_specific_units")) for arm in ROLE_GRID}


def _gap_share(of: Score, arm: str) -> float:
    return of(arm, "gamma_jsd.gap") / of(arm, "gamma_jsd.between")


CLAIMS = (
    Claim(
        "A1", ALIGNED, "Images of a class share their active units", "gamma JSD within classes",
        "VSC - aligned VSC", "above 0", EVERY_IMAGE, ALIGNMENT,
        lambda of: of("plain", "gamma_jsd.within") - of("aligned", "gamma_jsd.within"),
    ),
    Claim(
        "A1b", ALIGNED, "Images of a class share their active units", "Jaccard index of active sets within classes",
        "aligned VSC - VSC", "above 0", EVERY_IMAGE, ALIGNMENT,
        lambda of: of("aligned", "activity_jaccard.within") - of("plain", "activity_jaccard.within"),
    ),
    Claim(
        "A2", ALIGNED, "Alignment does not give every class one code", "gamma JSD between - within classes",
        "aligned VSC", "above 0", EVERY_IMAGE, ALIGNMENT, lambda of: of("aligned", "gamma_jsd.gap"),
    ),
    Claim(
        "A2b", ALIGNED, "It is alignment, not just fewer units", "that gap, as a share of the JSD between classes",
        "aligned VSC - VSC", "above 0", EVERY_IMAGE, ALIGNMENT,
        lambda of: _gap_share(of, "aligned") - _gap_share(of, "plain"),
    ),
    Claim(
        "A3", ALIGNED, "Related classes share units", "class-mean gamma correlation, within - between categories",
        "aligned VSC", "above 0", ("fmnist",), ALIGNMENT, lambda of: of("aligned", "category_gap"),
    ),
    Claim(
        "A4", ALIGNED, "Global and class-specific units both exist", "units, the smaller number; in the best setting",
        "aligned VSC; alpha 0.01, 0.2, 0.5; lambda 0.1, 1, 10; either head", "above 0", DIGITS_AND_CLOTHES, ROLE_GRID,
        lambda of: max(_coexisting(of).values()), in_most_seeds=True, cells=_coexisting,
    ),
)  # fmt: skip
