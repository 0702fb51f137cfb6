"""What the papers of the matching-pursuit SAE claim and ask (Costa et al. 2025, arXiv 2506.03093 and 2506.05239)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from bench.claims.catalogue.common import DIGITS_AND_CLOTHES, SAE, steps
from bench.claims.verdict import Arm, Claim, Score

PURSUIT, FLAT = "2506.05239", "2506.03093"

BUDGETS = (5, 10, 20)
BY_BUDGET = {f"{model} {k}": Arm(model, SAE | {"k": k}) for model in ("mp", "topk", "batchtopk") for k in BUDGETS}
AT_TEN = {name: arm for name, arm in BY_BUDGET.items() if name.endswith(" 10")}
RANK = "effective_rank_of_energy"
SHALLOW = ("topk", "batchtopk")

FEATURES: dict[str, Any] = {"n_latents": 20, "batch_size": 200, "epochs": 15, "learning_rate": 3e-3}
HIERARCHY = {
    "mp": Arm("mp", FEATURES | {"k": 8, "threshold": 0.00625}),
    "relu": Arm("relu", FEATURES | {"l1": 0.048}),
    "batchtopk": Arm("batchtopk", FEATURES | {"k": 1}),
    "matryoshka": Arm("matryoshka", FEATURES | {"k": 1}),
}


def _falls(of: Score, arm: str) -> list[float]:
    """By how much FVU falls from each budget at inference to the next, from k/4 to 4k."""
    return [
        of(arm, f"inference_fvu.{before}k") - of(arm, f"inference_fvu.{after}k")
        for before, after in pairwise(("1/4", "1/2", "1", "2", "4"))
    ]


def _overlap(of: Score, arm: str) -> float:
    """How alike the atoms of an image are, as a share of the dictionary's coherence: 0 if they are orthogonal."""
    return of(arm, "active_babel") / (of(arm, "l0") - 1) / of(arm, "coherence")


CLAIMS = (
    Claim(
        "M1", PURSUIT, "The residual is orthogonal to the last atom", "largest |D_j . r| / ||x - b||",
        "MP", "below 1e-5", ("mnist",), AT_TEN, lambda of: of("mp 10", "last_atom_correlation"), within=1e-5,
    ),
    Claim(
        "M2", PURSUIT, "More atoms at inference never harm MP", "fall of FVU, smallest step",
        "MP, k/4 to 4k", "above 0", ("mnist",), AT_TEN, lambda of: _falls(of, "mp 10"),
    ),
    Claim(
        "M2b", PURSUIT, "More atoms at inference harm TopK", "FVU at 4k - at k",
        "TopK", "above 0", ("mnist",), AT_TEN,
        lambda of: of("topk 10", "inference_fvu.4k") - of("topk 10", "inference_fvu.1k"),
    ),
    Claim(
        "M3", PURSUIT, "At equal sparsity MP reconstructs better", "FVU at k = 5, 10, 20, smallest difference",
        "TopK, BatchTopK - MP", "above 0", ("mnist",), BY_BUDGET,
        lambda of: [of(f"{m} {k}", "fvu") - of(f"mp {k}", "fvu") for m in SHALLOW for k in BUDGETS],
    ),
    Claim(
        "M4", PURSUIT, "MP's dictionary is more coherent", "Babel function mu_1(10), smaller difference",
        "MP - TopK, BatchTopK", "8.8 at 1000 atoms, against near orthogonal", ("mnist",), AT_TEN,
        lambda of: [of("mp 10", "babel.10") - of(f"{m} 10", "babel.10") for m in SHALLOW],
    ),
    Claim(
        "M5", PURSUIT, "But the atoms of one image are less coherent", "Babel of co-selected atoms, smaller difference",
        "TopK, BatchTopK - MP", "above 0", ("mnist",), AT_TEN,
        lambda of: [of(f"{m} 10", "active_babel") - of("mp 10", "active_babel") for m in SHALLOW],
    ),
    Claim(
        "M6", FLAT, "MP's codes gain rank with k, others saturate", "effective rank of the energy at k = 20 - at k = 5",
        "MP - TopK", "above 0", ("mnist",), BY_BUDGET,
        lambda of: (of("mp 20", RANK) - of("mp 5", RANK))
        - (of("topk 20", RANK) - of("topk 5", RANK)),
    ),
    Claim(
        "M7", FLAT, "MP does not absorb parents into children", "absorption, smallest difference",
        "Matryoshka, ReLU, BatchTopK - MP", "0.001 against 0.2 to 0.5", ("hierarchy",), HIERARCHY,
        lambda of: [of(m, "absorption") - of("mp", "absorption") for m in ("matryoshka", "relu", "batchtopk")],
    ),
    Claim(
        "M8", PURSUIT, "Question: is MP's orthogonality conditional, on the image?",
        "Babel of co-selected atoms / (L0 - 1) / coherence, smallest difference",
        "TopK, BatchTopK - MP; k = 5, 10, 20", "above 0", DIGITS_AND_CLOTHES, BY_BUDGET,
        lambda of: [_overlap(of, f"{m} {k}") - _overlap(of, f"mp {k}") for m in SHALLOW for k in BUDGETS],
    ),
    Claim(
        "M8b", PURSUIT, "Question: are further atoms of an image nearer to orthogonal?", "that number, smallest fall",
        "MP; k = 5, 10, 20", "not said", DIGITS_AND_CLOTHES, BY_BUDGET,
        lambda of: steps([-_overlap(of, f"mp {k}") for k in BUDGETS]),
    ),
    Claim(
        "M9", PURSUIT, "Question: does a longer pursuit make a hierarchy, of coherent atoms?",
        "Babel function mu_1(10), smallest step", "MP; k = 5, 10, 20", "not said", DIGITS_AND_CLOTHES, BY_BUDGET,
        lambda of: steps([of(f"mp {k}", "babel.10") for k in BUDGETS]),
    ),
)  # fmt: skip
