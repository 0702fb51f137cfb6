"""What the paper of the regularised TopK SAE claims (Jacquier et al. 2026, arXiv 2606.27321)."""

from __future__ import annotations

from bench.claims.catalogue.common import DIGITS_AND_CLOTHES, SAE, TOPK
from bench.claims.verdict import Arm, Claim, Score

BUDGET = "2606.27321"

PENALISED = {
    "topk": TOPK,
    "l1": Arm("topk-l1", SAE | {"k": 10}),
    "hoyer": Arm("topk-hoyer", SAE | {"k": 10}),
}
UNMASKED = {
    "l1 unmasked": Arm("topk-l1", SAE | {"k": 10, "mask": False}),
    "hoyer unmasked": Arm("topk-hoyer", SAE | {"k": 10, "mask": False}),
}


def _half_budget_share(of: Score, arm: str) -> float:
    """Explained variance at half the budget, as a share of the explained variance at the full budget."""
    return (1 - of(arm, "inference_fvu.1/2k")) / (1 - of(arm, "inference_fvu.1k"))


CLAIMS = (
    Claim(
        "B1", BUDGET, "Both penalties make units more monosemantic", "mean monosemanticity, smaller difference",
        "TopK + l1, + l1/l2 - TopK", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: [of(m, "monosemanticity.mean") - of("topk", "monosemanticity.mean") for m in ("l1", "hoyer")],
    ),
    Claim(
        "B1b", BUDGET, "At no cost in reconstruction", "explained variance, larger difference",
        "TopK + l1, + l1/l2 - TopK", "about 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: [of("topk", "fvu") - of(m, "fvu") for m in ("l1", "hoyer")], within=0.01,
    ),
    Claim(
        "B2", BUDGET, "The l1 penalty gains more monosemanticity", "mean monosemanticity",
        "TopK + l1 - TopK + l1/l2", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: of("l1", "monosemanticity.mean") - of("hoyer", "monosemanticity.mean"),
    ),
    Claim(
        "B2b", BUDGET, "The l1 penalty gains more class purity", "class purity",
        "TopK + l1 - TopK + l1/l2", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: of("l1", "class_purity") - of("hoyer", "class_purity"),
    ),
    Claim(
        "B3", BUDGET, "l1/l2 makes reconstruction robust to a smaller budget", "EV at k/2 as a share of EV at k",
        "TopK + l1/l2 - TopK", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: _half_budget_share(of, "hoyer") - _half_budget_share(of, "topk"),
    ),
    Claim(
        "B4", BUDGET, "l1/l2 improves probing with small budgets", "accuracy of a probe of the 2 largest activations",
        "TopK + l1/l2 - TopK", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: of("hoyer", "truncated_probe.2") - of("topk", "truncated_probe.2"),
    ),
    Claim(
        "B5", BUDGET, "Without the mask units die", "dead fraction, smaller difference",
        "unmasked - masked, l1 and l1/l2", "10 to 100 times as many", DIGITS_AND_CLOTHES, PENALISED | UNMASKED,
        lambda of: [of(f"{m} unmasked", "dead_fraction") - of(m, "dead_fraction") for m in ("l1", "hoyer")],
    ),
    Claim(
        "B6", BUDGET, "l1/l2 shrinks the effective support", "participation ratio of the pre-activations",
        "TopK - TopK + l1/l2", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: of("topk", "effective_support") - of("hoyer", "effective_support"),
    ),
    Claim(
        "B7", BUDGET, "l1 shrinks the activations off the support", "mean off the support over mean on it",
        "TopK - TopK + l1", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: of("topk", "tail_ratio") - of("l1", "tail_ratio"),
    ),
)  # fmt: skip
