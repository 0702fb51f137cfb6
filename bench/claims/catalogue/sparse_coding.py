"""What the paper of variational sparse coding claims (Tonolini, Jensen & Murray-Smith, UAI 2019; ICLR 2019 version)."""

from __future__ import annotations

from typing import Any

from bench.claims.catalogue.common import steps
from bench.claims.verdict import Arm, Claim

VSC = "UAI 2019"

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
LEARNED = WIDE | {"alpha": 0.01, "prior": "pseudo_inputs"} | COLD
LEARNED_WARM_UPS = {"none": Arm("vsc", LEARNED), "slab": Arm("vsc", LEARNED | {"spike_warmup": 0.2})}


CLAIMS = (
    Claim(
        "V2", VSC, "A sparser prior costs likelihood", "-ELBO, smallest step of the order",
        "VAE < VSC 0.5 < 0.2 < 0.01", "106, 115, 120, 134: a step of 5 nats", ("mnist",), PRIORS,
        lambda of: steps([of(arm, "neg_elbo") for arm in ("vae", "0.5", "0.2", "0.01")]),
    ),
    Claim(
        "V3", VSC, "At 200 units the sparse code is the better one to read", "accuracy of a converged linear probe",
        "VSC 0.01 - VAE; codes: mu times the gate", "about 0.05, of mu", ("mnist",), PRIORS,
        lambda of: of("0.01", "probe_accuracy") - of("vae", "probe_accuracy"),
    ),
    Claim(
        "V3-mu", VSC, "At 200 units the sparse model's mu is the better one to read", "accuracy of the paper's layer",
        "VSC 0.01 - VAE; mu, as in the paper", "about 0.05", ("mnist",), PRIORS,
        lambda of: of("0.01", "mean_probe") - of("vae", "mean_probe"),
    ),
    Claim(
        "V3b", VSC, "With few units the dense code is the better one to read", "accuracy of a converged linear probe",
        "VAE - VSC 0.01, 16 units; codes: mu times the gate", "0.18, of mu", ("mnist",), NARROW_PRIORS,
        lambda of: of("narrow vae", "probe_accuracy") - of("narrow 0.01", "probe_accuracy"),
    ),
    Claim(
        "V3b-mu", VSC, "With few units the dense model's mu is the better one to read", "accuracy of the paper's layer",
        "VAE - VSC 0.01, 16 units; mu, as in the paper", "0.18", ("mnist",), NARROW_PRIORS,
        lambda of: of("narrow vae", "mean_probe") - of("narrow 0.01", "mean_probe"),
    ),
    Claim(
        "V4", VSC, "Too many units do not harm a sparse prior", "-ELBO, 16 units - 200 units",
        "VSC 0.01", "8 nats", ("mnist",), PRIORS | NARROW_PRIORS,
        lambda of: of("narrow 0.01", "neg_elbo") - of("0.01", "neg_elbo"),
    ),
    Claim(
        "V4b", VSC, "They harm a dense one", "-ELBO, 200 units - 16 units, the smaller of the two",
        "VAE, VSC 0.5", "1.4 and 2.5 nats", ("mnist",), PRIORS | NARROW_PRIORS,
        lambda of: [of(arm, "neg_elbo") - of(f"narrow {arm}", "neg_elbo") for arm in ("vae", "0.5")],
    ),
    Claim(
        "V6", VSC, "Warm-up of the slab keeps units alive", "live units",
        "slab warm-up - none, VSC 0.01 (fixed prior)", "not said: see V6-uai", ("mnist",), WARM_UPS,
        lambda of: of("slab", "live_units") - of("none", "live_units"),
    ),
    Claim(
        "V6-uai", VSC, "Warm-up of the slab keeps units alive, with the paper's prior", "live units",
        "slab warm-up - none, VSC 0.01 (pseudo-inputs)", "above 0", ("mnist",), LEARNED_WARM_UPS,
        lambda of: of("slab", "live_units") - of("none", "live_units"),
    ),
    Claim(
        "V6b", "this project", "Warm-up of the KL terms keeps units alive", "live units",
        "KL warm-up - none, VSC 0.01", "above 0", ("mnist",), WARM_UPS,
        lambda of: of("kl", "live_units") - of("none", "live_units"),
    ),
)  # fmt: skip
