"""The papers' claims, one entry each; `bench claims` runs the models that they need and says which claims hold here.

Claims V use the paper's sizes and batches, and the hierarchy uses those of its paper. The others use smaller ones: 64
units for alignment, 256 units for the SAEs, and batches of 128. The effect of a claim in several parts is the smallest
part, so that all parts must hold. A beta means little without the scale of the inputs: where atoms may grow, as in the
variational SAE's released code, (s x, beta) acts as (x, beta / s^2). Its inputs have unit mean square; here they are
pixels in [0, 1], and atoms have unit norm.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from bench.claims.verdict import Arm, Claim, Score

ALIGNED, VSC, PURSUIT, VSAE, BUDGET = "2505.14476", "UAI 2019", "2506.05239", "2509.22994", "2606.27321"
FLAT = "2506.03093"
DIGITS_AND_CLOTHES = ("mnist", "fmnist")
EVERY_IMAGE = ("mnist", "fmnist", "factors")

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

WIDE: dict[str, Any] = {"n_latents": 200}
NARROW: dict[str, Any] = {"n_latents": 16}
PRIORS = {
    "0.01": Arm("vsc", WIDE | {"alpha": 0.01}),
    "0.2": Arm("vsc", WIDE | {"alpha": 0.2}),
    "0.5": Arm("vsc", WIDE | {"alpha": 0.5}),
    "vae": Arm("vae", WIDE),
}
NARROW_PRIORS = {
    "narrow 0.01": Arm("vsc", NARROW | {"alpha": 0.01}),
    "narrow 0.5": Arm("vsc", NARROW | {"alpha": 0.5}),
    "narrow vae": Arm("vae", NARROW),
}
COLD = {"spike_warmup": 0.0, "alpha_warmup": 0.0, "kl_warmup": 0.0}
WARM_UPS = {
    "none": Arm("vsc", WIDE | {"alpha": 0.01} | COLD),
    "slab": Arm("vsc", WIDE | {"alpha": 0.01} | COLD | {"spike_warmup": 0.2}),
    "kl": Arm("vsc", WIDE | {"alpha": 0.01} | COLD | {"kl_warmup": 0.2}),
}

SAE: dict[str, Any] = {"n_latents": 256, "batch_size": 128}
BUDGETS = (5, 10, 20)
BY_BUDGET = {f"{model} {k}": Arm(model, SAE | {"k": k}) for model in ("mp", "topk", "batchtopk") for k in BUDGETS}
AT_TEN = {name: arm for name, arm in BY_BUDGET.items() if name.endswith(" 10")}
RANK = "effective_rank_of_energy"
SHALLOW = ("topk", "batchtopk")

FEATURES: dict[str, Any] = {"n_latents": 20, "batch_size": 200, "epochs": 15, "learning_rate": 3e-3}
HIERARCHY = {
    "mp": Arm("mp", FEATURES | {"k": 8, "threshold": 0.00625}),
    "relu": Arm("relu", FEATURES | {"l1": 0.01}),
    "batchtopk": Arm("batchtopk", FEATURES | {"k": 1}),
    "matryoshka": Arm("matryoshka", FEATURES | {"k": 1}),
}

RELEASED: dict[str, Any] = SAE | {"k": 10, "variance": "none"}
SAMPLED: dict[str, Any] = SAE | {"k": 10, "variance": "learned", "beta": 0.0}
BETAS = {f"beta {beta:g}": Arm("vsae", RELEASED | {"beta": beta}) for beta in (1e-4, 1e-2, 1.0, 100.0)}
TOPK = Arm("topk", SAE | {"k": 10})
NOISELESS = Arm("vsae", RELEASED | {"beta": 0.0})
SIGMAS = {
    f"sigma {s:g}": Arm("vsae", SAMPLED | {"log_variance_init": v})
    for s, v in ((0.05, -6.0), (0.135, -4.0), (0.368, -2.0), (0.607, -1.0))
}

PENALISED = {
    "topk": TOPK,
    "l1": Arm("topk-l1", SAE | {"k": 10}),
    "hoyer": Arm("topk-hoyer", SAE | {"k": 10}),
}
UNMASKED = {
    "l1 unmasked": Arm("topk-l1", SAE | {"k": 10, "mask": False}),
    "hoyer unmasked": Arm("topk-hoyer", SAE | {"k": 10, "mask": False}),
}


def _smallest_step(values: list[float]) -> float:
    """Smallest difference between neighbours; above zero if the values rise at every step."""
    return min(after - before for before, after in pairwise(values))


def _largest(*differences: float) -> float:
    """The difference that is farthest from zero."""
    return max(differences, key=abs)


def _noise_correlation(of: Score) -> float:
    """Pearson correlation between explained variance and selection agreement, over noise levels."""
    explained = [of(arm, "explained_variance") for arm in SIGMAS]
    agreement = [of(arm, "selection_agreement") for arm in SIGMAS]
    return float(np.corrcoef(explained, agreement)[0, 1])


def _kl_share(of: Score) -> float:
    """Share of the lost explained variance that is due to the KL term, not to the noise."""
    clean, noisy, both = (of(arm, "explained_variance") for arm in ("clean", "sigma 0.368", "with kl"))
    return (noisy - both) / (clean - both)


def _coexisting(of: Score) -> dict[str, float]:
    """Number of global or of class-specific units, whichever is smaller, in each setting."""
    return {arm: min(of(arm, "global_units"), of(arm, "class_specific_units")) for arm in ROLE_GRID}


def _falls(of: Score, arm: str) -> list[float]:
    """By how much FVU falls from each budget at inference to the next, from k/4 to 4k."""
    return [
        of(arm, f"inference_fvu.{before}k") - of(arm, f"inference_fvu.{after}k")
        for before, after in pairwise(("1/4", "1/2", "1", "2", "4"))
    ]


def _gap_share(of: Score, arm: str) -> float:
    return of(arm, "gamma_jsd.gap") / of(arm, "gamma_jsd.between")


def _half_budget_share(of: Score, arm: str) -> float:
    """Explained variance at half the budget, as a share of the explained variance at the full budget."""
    return (1 - of(arm, "inference_fvu.1/2k")) / (1 - of(arm, "inference_fvu.1k"))


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
        "aligned VSC over alpha, lambda and head", "above 0", EVERY_IMAGE, ROLE_GRID,
        lambda of: max(_coexisting(of).values()), in_most_seeds=True, cells=_coexisting,
    ),
    Claim(
        "V2", VSC, "A sparser prior costs likelihood", "-ELBO, smallest step of the order",
        "VAE < VSC 0.5 < 0.2 < 0.01", "106, 115, 120, 134: a step of 5 nats", ("mnist",), PRIORS,
        lambda of: _smallest_step([of(arm, "neg_elbo") for arm in ("vae", "0.5", "0.2", "0.01")]),
    ),
    Claim(
        "V3", VSC, "At 200 units the sparse code is the better one to read", "accuracy of a linear probe",
        "VSC 0.01 - VAE; codes, where the paper probes mu", "about 0.05", ("mnist",), PRIORS,
        lambda of: of("0.01", "probe_accuracy") - of("vae", "probe_accuracy"),
    ),
    Claim(
        "V3b", VSC, "With few units the dense code is the better one to read", "accuracy of a linear probe",
        "VAE - VSC 0.01, 16 units; codes, where the paper probes mu", "0.18", ("mnist",), NARROW_PRIORS,
        lambda of: of("narrow vae", "probe_accuracy") - of("narrow 0.01", "probe_accuracy"),
    ),
    Claim(
        "V4", VSC, "Too many units do not harm a sparse prior", "-ELBO, 16 units - 200 units",
        "VSC 0.01", "8 nats", ("mnist",), PRIORS | NARROW_PRIORS,
        lambda of: of("narrow 0.01", "neg_elbo") - of("0.01", "neg_elbo"),
    ),
    Claim(
        "V4b", VSC, "They harm a dense one", "-ELBO, 200 units - 16 units, the smaller of the two",
        "VAE, VSC 0.5", "1.4 and 2.5 nats", ("mnist",), PRIORS | NARROW_PRIORS,
        lambda of: min(of(arm, "neg_elbo") - of(f"narrow {arm}", "neg_elbo") for arm in ("vae", "0.5")),
    ),
    Claim(
        "V6", VSC, "Warm-up of the slab keeps units alive", "live units",
        "slab warm-up - none, VSC 0.01 (fixed prior)", "above 0, with UAI's pseudo-input prior", ("mnist",), WARM_UPS,
        lambda of: of("slab", "live_units") - of("none", "live_units"),
    ),
    Claim(
        "V6b", "this project", "Warm-up of the KL terms keeps units alive", "live units",
        "KL warm-up - none, VSC 0.01", "above 0", ("mnist",), WARM_UPS,
        lambda of: of("kl", "live_units") - of("none", "live_units"),
    ),
    Claim(
        "M1", PURSUIT, "The residual is orthogonal to the last atom", "largest |D_j . r| / ||x - b||",
        "MP", "below 1e-5", ("mnist",), AT_TEN, lambda of: of("mp 10", "last_atom_correlation"), within=1e-5,
    ),
    Claim(
        "M2", PURSUIT, "More atoms at inference never harm MP", "fall of FVU, smallest step",
        "MP, k/4 to 4k", "above 0", ("mnist",), AT_TEN, lambda of: min(_falls(of, "mp 10")),
    ),
    Claim(
        "M2b", PURSUIT, "More atoms at inference harm TopK", "FVU at 4k - at k",
        "TopK", "above 0", ("mnist",), AT_TEN,
        lambda of: of("topk 10", "inference_fvu.4k") - of("topk 10", "inference_fvu.1k"),
    ),
    Claim(
        "M3", PURSUIT, "At equal sparsity MP reconstructs better", "FVU at k = 5, 10, 20, smallest difference",
        "TopK, BatchTopK - MP", "above 0", ("mnist",), BY_BUDGET,
        lambda of: min(of(f"{m} {k}", "fvu") - of(f"mp {k}", "fvu") for m in SHALLOW for k in BUDGETS),
    ),
    Claim(
        "M4", PURSUIT, "MP's dictionary is more coherent", "Babel function mu_1(10), smaller difference",
        "MP - TopK, BatchTopK", "8.8 at 1000 atoms, against near orthogonal", ("mnist",), AT_TEN,
        lambda of: min(of("mp 10", "babel.10") - of(f"{m} 10", "babel.10") for m in SHALLOW),
    ),
    Claim(
        "M5", PURSUIT, "But the atoms of one image are less coherent", "Babel of co-selected atoms, smaller difference",
        "TopK, BatchTopK - MP", "above 0", ("mnist",), AT_TEN,
        lambda of: min(of(f"{m} 10", "active_babel") - of("mp 10", "active_babel") for m in SHALLOW),
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
        lambda of: min(of(m, "absorption") for m in ("matryoshka", "relu", "batchtopk")) - of("mp", "absorption"),
    ),
    Claim(
        "S1", VSAE, "Without noise it is TopK with an L2 penalty", "FVU",
        "vSAE - TopK + L2, matched; beta 1, pixels", "-0.0003", ("mnist",),
        {"vsae": Arm("vsae", RELEASED | {"beta_warmup": 0.0}), "l2": Arm("topk-l2", SAE | {"k": 10, "auxk": 0})},
        lambda of: of("vsae", "fvu") - of("l2", "fvu"), within=0.01,
    ),
    Claim(
        "S2", VSAE, "The KL term kills features", "live units, smallest step of the order",
        "beta 1e-4 > 0.01 > 1 > 100, pixels", "78, 64, 50, 35% (unit mean square)", ("mnist",), BETAS,
        lambda of: _smallest_step([of(arm, "live_units") for arm in reversed(BETAS)]),
    ),
    Claim(
        "S3", VSAE, "Sampling destroys reconstruction", "explained variance",
        "no noise - learned sigma, from 0.37", "0.41", ("mnist",), SIGMAS | {"clean": NOISELESS},
        lambda of: of("clean", "explained_variance") - of("sigma 0.368", "explained_variance"),
    ),
    Claim(
        "S4", VSAE, "It is the noise, not the KL term", "1/2 - the KL term's share of the loss of EV",
        "beta 1e-4 against 0, pixels, sigma from 0.37", "0.44 (a share of 6%; unit mean square)", ("mnist",),
        SIGMAS | {"clean": NOISELESS, "with kl": Arm("vsae", SAMPLED | {"beta": 1e-4})},
        lambda of: 0.5 - _kl_share(of),
    ),
    Claim(
        "S5", VSAE, "Explained variance follows the agreement of selections", "Pearson correlation over 4 noise levels",
        "sigma 0.05 to 0.61 at the start", "0.999", ("mnist",), SIGMAS, _noise_correlation, above=0.99,
    ),
    Claim(
        "S6", VSAE, "The variational SAE reconstructs worse than TopK", "explained variance",
        "TopK - vSAE without noise; beta 1, pixels", "above 0", ("mnist",), {"topk": TOPK, "vsae": BETAS["beta 1"]},
        lambda of: of("topk", "explained_variance") - of("vsae", "explained_variance"),
    ),
    Claim(
        "S6b", VSAE, "It has more dead units than TopK", "dead fraction",
        "vSAE without noise - TopK with AuxK; beta 1, pixels", "0.72 (unit mean square)", ("mnist",),
        {"topk": TOPK, "vsae": BETAS["beta 1"]},
        lambda of: of("vsae", "dead_fraction") - of("topk", "dead_fraction"),
    ),
    Claim(
        "S7", VSAE, "Its atoms are less alike", "mean |cosine| of live atoms",
        "TopK - vSAE without noise; beta 1, pixels", "below 0 in the authors' post", ("mnist",),
        {"topk": TOPK, "vsae": BETAS["beta 1"]},
        lambda of: of("topk", "live_cosine") - of("vsae", "live_cosine"),
    ),
    Claim(
        "B1", BUDGET, "Both penalties make units more monosemantic", "mean monosemanticity, smaller difference",
        "TopK + l1, + l1/l2 - TopK", "above 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: min(of(m, "monosemanticity.mean") - of("topk", "monosemanticity.mean") for m in ("l1", "hoyer")),
    ),
    Claim(
        "B1b", BUDGET, "At no cost in reconstruction", "explained variance, larger difference",
        "TopK + l1, + l1/l2 - TopK", "about 0", DIGITS_AND_CLOTHES, PENALISED,
        lambda of: _largest(*(of("topk", "fvu") - of(m, "fvu") for m in ("l1", "hoyer"))), within=0.01,
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
        lambda of: min(of(f"{m} unmasked", "dead_fraction") - of(m, "dead_fraction") for m in ("l1", "hoyer")),
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
