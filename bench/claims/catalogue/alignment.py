"""What the paper of class-aligned VSC claims and asks (Sangari Abiz, Hosseini & Araabi 2025, arXiv 2505.14476)."""

from __future__ import annotations

from typing import Any

from bench.claims.catalogue.common import DIGITS_AND_CLOTHES, steps
from bench.claims.verdict import Arm, Claim, Score

ALIGNED = "2505.14476"
EVERY_IMAGE = (*DIGITS_AND_CLOTHES, "factors")

SPIKE: dict[str, Any] = {"n_latents": 64, "alpha": 0.2, "batch_size": 128}
ALIGNMENT = {"plain": Arm("vsc", SPIKE), "aligned": Arm("vsc-aligned", SPIKE | {"alignment_weight": 1.0})}

STRENGTHS = {"0": ALIGNMENT["plain"]} | {
    f"{weight:g}": Arm("vsc-aligned", SPIKE | {"alignment_weight": weight}) for weight in (0.1, 1.0, 10.0)
}
PSEUDO = {name: Arm("vsc-aligned", SPIKE | {"labels": f"kmeans_{name}"}) for name in ("inputs", "gamma")}
STRENGTH, CLUSTERS = "lambda 0, 0.1, 1, 10; alpha 0.2", "aligned VSC; 10 clusters, k-means of"

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


def _rise(of: Score, metric: str) -> list[float]:
    """The steps of a metric from one strength of the alignment to the next."""
    return steps([of(arm, metric) for arm in STRENGTHS])


def _gain_left(of: Score, arm: str) -> float:
    """Of what alignment with labels gains, the share that alignment with clusters gains."""
    plain, aligned, own = (of(name, "gamma_jsd.within") for name in ("plain", "aligned", arm))
    return (plain - own) / (plain - aligned)


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
    Claim(
        "A5", ALIGNED, "Question: is reconstruction lost as alignment grows?", "FVU, smallest step",
        STRENGTH, "not said", DIGITS_AND_CLOTHES, STRENGTHS, lambda of: _rise(of, "fvu"),
    ),
    Claim(
        "A5b", ALIGNED, "Question: does a class go on growing alike?", "gamma JSD within classes, smallest fall",
        STRENGTH, "not said", DIGITS_AND_CLOTHES, STRENGTHS,
        lambda of: steps([-of(arm, "gamma_jsd.within") for arm in STRENGTHS]),
    ),
    Claim(
        "A5c", ALIGNED, "Question: are rare variations lost first?", "FVU of outliers / of others, smallest step",
        f"{STRENGTH}; outliers: tenth of a class farthest from its mean", "not said", DIGITS_AND_CLOTHES, STRENGTHS,
        lambda of: _rise(of, "rare_variation.ratio"),
    ),
    Claim(
        "A6", ALIGNED, "Question: do clusters of the inputs find the classes?", "adjusted mutual information",
        f"{CLUSTERS} the inputs", "not said", DIGITS_AND_CLOTHES, PSEUDO,
        lambda of: of("inputs", "pseudo_label_agreement"), above=0.5,
    ),
    Claim(
        "A6-gamma", ALIGNED, "Question: do clusters of gamma find the classes?", "adjusted mutual information",
        f"{CLUSTERS} gamma", "not said", DIGITS_AND_CLOTHES, PSEUDO,
        lambda of: of("gamma", "pseudo_label_agreement"), above=0.5,
    ),
    Claim(
        "A7", ALIGNED, "Question: do clusters of the inputs do in place of labels?", "share left of A1's difference",
        f"{CLUSTERS} the inputs", "not said", DIGITS_AND_CLOTHES, ALIGNMENT | PSEUDO,
        lambda of: _gain_left(of, "inputs"), above=0.5,
    ),
    Claim(
        "A7-gamma", ALIGNED, "Question: do clusters of gamma do in place of labels?", "share left of A1's difference",
        f"{CLUSTERS} gamma", "not said", DIGITS_AND_CLOTHES, ALIGNMENT | PSEUDO,
        lambda of: _gain_left(of, "gamma"), above=0.5,
    ),
)  # fmt: skip
