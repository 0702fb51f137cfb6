"""Variational sparse coding: a VAE with spike-and-slab latents (Tonolini et al., UAI 2019; ICLR 2019 version).

q(z|x) = prod_j [gamma_j N(mu_j, sigma_j^2) + (1 - gamma_j) delta_0]. Minimises -E_q[log p(x|z)] + KL(q || p), with
relaxed spikes in the first term. The KL term has two parts: the divergence of the slabs, weighted by gamma, and the
divergence of the Bernoulli spikes. There are two priors. `fixed`: p = alpha N(0, 1) + (1 - alpha) delta_0 (ICLR).
`pseudo_inputs`: a mixture of the posteriors of learned inputs; the term M KL(Bernoulli(mean gamma) || Bernoulli(alpha))
keeps its mean spike probability near alpha (UAI; the official code also sharpens these spikes, which is left out here).
The reported bounds are valid bounds: they have hard spikes, no warm-up, and the term ln U for the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.base import Codes, DenseCodes, GradientConfig, Losses, Model, warmup
from models.parts.hardware import EncoderLinear
from models.parts.likelihood import LIKELIHOOD, Decoder, Likelihood, importance_bound, sample_gaussian
from models.parts.pseudo_inputs import PseudoInputs
from models.parts.spike_slab import (
    Relaxation,
    SpikeHead,
    SpikeSlab,
    bernoulli_kl,
    hard_spike,
    relaxed_spike,
    spike_logit,
    spike_slab_kl,
)


class VSCConfig(GradientConfig):
    """Hyperparameters of VSC; the defaults follow the ICLR 2019 version on MNIST."""

    n_latents: int = Field(64, ge=1, description="M; the paper sweeps 8 to 200; 64 is a choice in this range")
    hidden: int = Field(400, ge=1, description="Width of the one hidden layer of encoder and decoder [ICLR 2019]")
    likelihood: Likelihood = Field("bernoulli", description=LIKELIHOOD)
    alpha: float = Field(0.2, gt=0, lt=1, description="Prior probability of a spike; 0.01, 0.2, 0.5 [ICLR 2019]")
    spike_head: SpikeHead = Field(
        "logit", description="gamma = sigmoid(v) [choice], or log gamma = -ReLU(-v): no gradient at gamma = 1 [papers]"
    )
    relaxation: Relaxation = Field("sigmoid_c", description="How a spike gets its gradient [supplement B.2]")
    sharpness_start: float = Field(50.0, gt=0, description="sigmoid_c: c at the first step [supplement B.2]")
    sharpness_end: float = Field(200.0, gt=0, description="sigmoid_c: c at the last step [supplement B.2]")
    temperature: float = Field(2 / 3, gt=0, description="concrete: its temperature [Maddison et al. 2017]")
    prior: Literal["fixed", "pseudo_inputs"] = Field("fixed", description="Prior over codes [ICLR 2019 / UAI 2019]")
    n_pseudo_inputs: int = Field(20, ge=1, description="pseudo_inputs: U [supplement D.1]")
    spike_warmup: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of training over which the slab moves from N(0, 1) to N(mu, sigma^2) [B.2; off: choice]",
    )
    alpha_warmup: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of training over which the prior's spike logit moves from 0 to alpha's; without it a small "
        "alpha switches nearly all units off before the decoder learns to use them; length: validation split [choice]",
    )
    kl_warmup: float = Field(
        0.05, ge=0, le=1, description="Share of training over which the weight of the KL terms rises from 0 [choice]"
    )


class VSC(Model[VSCConfig]):
    """Variational sparse coding. Codes are hard: unit j is on where gamma_j > 0.5."""

    Config: ClassVar[type[VSCConfig]] = VSCConfig
    capturable = True
    family: ClassVar[str] = "VAE family"
    matched_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "kl_warmup": (1.0,),  # with a short one, L0 stays below 5 up to alpha 0.3, and is 125 at 0.5
        "alpha": (0.002, 0.1, 0.3, 0.45, 0.5),
    }

    def __init__(self, config: VSCConfig, n_features: int) -> None:
        super().__init__(config, n_features)
        self.encoder = nn.Sequential(EncoderLinear(n_features, config.hidden), nn.ReLU())
        self.heads = EncoderLinear(config.hidden, 3 * config.n_latents)
        self.decoder = Decoder(config.n_latents, config.hidden, n_features, config.likelihood)
        self.alpha_logit = math.log(config.alpha / (1 - config.alpha))
        self.pseudo_inputs = None
        if config.prior == "pseudo_inputs":
            self.pseudo_inputs = PseudoInputs(config.n_pseudo_inputs, n_features)

    def posterior(self, x: Tensor) -> SpikeSlab:
        """q(z|x): spike logit, slab mean and slab log-variance, (N, M) each."""
        head, mu, log_variance = self.heads(self.encoder(self.decoder.standardised(x))).chunk(3, dim=-1)
        return SpikeSlab(spike_logit(head, self.config.spike_head), mu, log_variance)

    def prior(self, x: Tensor, progress: float = 1.0) -> tuple[SpikeSlab, Tensor]:
        """The U equally likely components of p(z), (U, M), and their weights for each image, (N, U)."""
        if self.pseudo_inputs is not None:
            return self.posterior(self.pseudo_inputs.inputs), self.pseudo_inputs.weights(x)
        zeros = x.new_zeros(1, self.config.n_latents)
        return SpikeSlab(zeros + self.spike_prior(progress), zeros, zeros), x.new_ones(1, 1)

    def spike_prior(self, progress: float) -> float | Tensor:
        """Logit of the prior probability of a spike; in warm-up between that of 1/2 and that of alpha."""
        return warmup(progress, self.config.alpha_warmup) * self.alpha_logit

    def require_inputs(self, x: Tensor) -> None:
        super().require_inputs(x)
        self.decoder.require_inputs(x)

    def prepare(self, x: Tensor, labels: Tensor) -> None:
        self.decoder.fit_scale(x)

    def loss(self, x: Tensor, labels: Tensor, progress: float) -> Losses:
        return self.relaxed_bound(x, self.posterior(x), progress)

    def relaxed_bound(self, x: Tensor, posterior: SpikeSlab, progress: float) -> Losses:
        """-ELBO of a batch with relaxed spikes; `progress` sets the warm-up and the sharpness of the spikes."""
        config = self.config
        share = warmup(progress, config.spike_warmup)
        components, weights = self.prior(x, progress)
        q, p = posterior.grown(share), components.grown(share)
        sharpness = config.sharpness_start + progress * (config.sharpness_end - config.sharpness_start)
        spikes = relaxed_spike(q.logit, config.relaxation, sharpness, config.temperature)
        nll = -self.decoder.log_density(x, spikes * sample_gaussian(q.mu, q.log_variance)).mean()
        slab, spike = ((weights * kl.sum(-1)).sum(-1).mean() for kl in spike_slab_kl(q.components(), p))
        terms = {"slab_kl": slab, "spike_kl": spike}
        if self.pseudo_inputs is not None:
            mean_gamma = weights @ torch.sigmoid(p.logit).mean(-1)
            alpha = torch.zeros_like(mean_gamma) + self.spike_prior(progress)
            aggregate = bernoulli_kl(torch.logit(mean_gamma, eps=1e-6), alpha)
            terms["aggregate_kl"] = config.n_latents * aggregate.mean()
        kl = torch.stack(list(terms.values())).sum()
        return Losses(nll + warmup(progress, config.kl_warmup) * kl, {"nll": nll, **terms})

    def posterior_mean(self, x: Tensor) -> Tensor:
        return self.posterior(x).mu

    def encode(self, x: Tensor) -> DenseCodes:
        q = self.posterior(x)
        return DenseCodes(torch.where(q.logit > 0, q.mu, 0.0), torch.sigmoid(q.logit))

    def sample(self, x: Tensor) -> DenseCodes:
        """Codes of x (N, D) drawn from q(z|x), with hard spikes."""
        q = self.posterior(x)
        return DenseCodes(hard_spike(q.logit) * sample_gaussian(q.mu, q.log_variance), torch.sigmoid(q.logit))

    def decode(self, codes: Codes) -> Tensor:
        return self.decoder.mean(codes.dense())

    def elbo(self, x: Tensor) -> Tensor:
        q = self.posterior(x)
        z = hard_spike(q.logit) * sample_gaussian(q.mu, q.log_variance)
        components, weights = self.prior(x)
        slab, spike = spike_slab_kl(q.components(), components)
        selected = weights.argmax(-1).expand(len(x))[:, None]
        kl = (slab + spike).sum(-1).gather(1, selected).squeeze(1)
        return self.decoder.log_density(x, z) - kl - math.log(len(components.mu))

    def log_likelihood(self, x: Tensor, n_samples: int) -> Tensor:
        q = SpikeSlab(*(field.expand(n_samples, *field.shape) for field in self.posterior(x)))
        spike = hard_spike(q.logit)
        z = spike * sample_gaussian(q.mu, q.log_variance)
        components, _ = self.prior(x)
        each = torch.stack([SpikeSlab(*fields).log_density(spike, z) for fields in zip(*components, strict=True)])
        log_prior = importance_bound(each)
        return importance_bound(self.decoder.log_density(x, z) + log_prior - q.log_density(spike, z))
