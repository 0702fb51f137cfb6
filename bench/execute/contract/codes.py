"""The contract of a model's codes: shapes, and that a code depends on its sample alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.datasets.base import Split
from bench.execute.contract.subject import Subject, flaw_of_codes, flaw_of_values
from models.base import Codes
from models.capabilities import Budgeted, HasAtoms, HasLikelihood, HasPosterior, HasPreactivations, Stochastic
from models.parts.sparse import codes_like

ALIKE = 1e-4
"""Relative difference that the order of sums may make."""


@torch.no_grad()
def encodes(subject: Subject) -> str:
    """encode() gives codes of the declared size, finite, with gamma in [0, 1]."""
    return flaw_of_codes("encode()", subject.trained.encode(subject.inputs), len(subject.inputs), _n_latents(subject))


@torch.no_grad()
def decodes(subject: Subject) -> str:
    """decode() gives finite reconstructions of the size of the inputs, of one as of many."""
    for x in (subject.inputs, subject.inputs[:1]):
        if flaw := flaw_of_values("decode()", subject.trained.decode(subject.trained.encode(x)), tuple(x.shape)):
            return flaw
    return ""


@torch.no_grad()
def decodes_dense_codes(subject: Subject) -> str:
    """decode() needs nothing but the codes: made dense and put back into their form, they give the same."""
    codes = subject.trained.encode(subject.inputs)
    ours, theirs = (subject.trained.decode(each) for each in (codes, codes_like(codes, codes.dense())))
    return _difference("reconstructions", theirs, ours, "decode z (or values and indices) alone.")


@torch.no_grad()
def decodes_nothing(subject: Subject) -> str:
    """Codes in which no unit is on are decoded to something finite."""
    codes = subject.trained.encode(subject.inputs)
    x_hat = subject.trained.decode(codes_like(codes, torch.zeros_like(codes.dense())))
    return flaw_of_values("decode() of zeros", x_hat, tuple(subject.inputs.shape))


@torch.no_grad()
def repeats(subject: Subject) -> str:
    """Encoding twice gives the same codes."""
    first, second = (subject.trained.encode(subject.inputs).dense() for _ in range(2))
    return _difference("codes of a second call", second, first, "encode() draws no noise and keeps no state.")


@torch.no_grad()
def is_saved(subject: Subject) -> str:
    """Its state_dict, loaded into a new model, gives the same codes."""
    twin = subject.fresh().eval()
    twin.load_state_dict(subject.trained.state_dict())
    ours, theirs = (model.encode(subject.inputs).dense() for model in (subject.trained, twin))
    if torch.equal(ours, theirs):
        return ""
    return (
        f"codes differ by up to {(ours - theirs).abs().max().item():.3g}: something that encode() needs is neither a "
        "parameter nor a buffer; keep it with register_buffer()."
    )


@torch.no_grad()
def ignores_the_batch(subject: Subject) -> str:
    """A code does not depend on the batch it is in: one by one and together give the same."""
    together = subject.trained.encode(subject.inputs).dense()
    single = torch.cat([subject.trained.encode(x).dense() for x in subject.inputs.split(1)])
    return _difference(
        "codes of single samples", single, together, "use no statistics of the batch in evaluation mode."
    )


@torch.no_grad()
def ignores_the_order(subject: Subject) -> str:
    """A code does not depend on the order of the samples."""
    forward = subject.trained.encode(subject.inputs).dense()
    backward = subject.trained.encode(subject.inputs.flip(0)).dense().flip(0)
    return _difference("codes in reverse order", backward, forward, "let a code depend on its sample alone.")


@torch.no_grad()
def encodes_one_sample(subject: Subject) -> str:
    """A single sample is encoded."""
    return flaw_of_codes("encode() of one sample", subject.trained.encode(subject.inputs[:1]), 1, _n_latents(subject))


def survives_constant_inputs(subject: Subject) -> str:
    """Constant and repeated inputs, which leave units off for good, train to finite codes."""
    d = subject.dataset.n_features
    x = torch.cat([torch.zeros(20, d), torch.ones(20, d), subject.inputs[:1].repeat(24, 1)])
    model = subject.train(Split(x, torch.arange(len(x)) % 3)).eval()
    with torch.no_grad():
        codes = model.encode(x)
        return flaw_of_codes("encode()", codes, len(x), _n_latents(subject)) or flaw_of_values(
            "decode()", model.decode(codes), tuple(x.shape)
        )


@torch.no_grad()
def has_atoms(subject: Subject) -> str | None:
    """atoms() gives a finite row of the decoder for each unit."""
    if not isinstance(subject.trained, HasAtoms):
        return None
    return flaw_of_values("atoms()", subject.trained.atoms(), (_n_latents(subject), subject.dataset.n_features))


@torch.no_grad()
def keeps_a_budget(subject: Subject) -> str | None:
    """encode_with_budget() keeps to any budget: one unit, those that were trained for, all."""
    if not isinstance(subject.trained, Budgeted):
        return None
    for k in subject.budgets:
        codes = subject.trained.encode_with_budget(subject.inputs, k)
        if flaw := flaw_of_codes(f"encode_with_budget(x, {k})", codes, len(subject.inputs), _n_latents(subject)):
            return flaw
        used = int((codes.dense() != 0).sum(1).max())
        if used > k:
            return f"encode_with_budget(x, {k}) uses {used} units of a sample; expected at most {k}."
    return ""


@torch.no_grad()
def samples(subject: Subject) -> str | None:
    """sample() gives codes of the same size as encode()."""
    if not isinstance(subject.trained, Stochastic):
        return None
    return flaw_of_codes("sample()", subject.trained.sample(subject.inputs), len(subject.inputs), _n_latents(subject))


@torch.no_grad()
def has_preactivations(subject: Subject) -> str | None:
    """preactivations() gives a finite score for each unit of each sample."""
    return _flaw_by_unit(subject, HasPreactivations, "preactivations")


@torch.no_grad()
def has_a_posterior(subject: Subject) -> str | None:
    """posterior_mean() gives a finite mean for each unit of each sample."""
    return _flaw_by_unit(subject, HasPosterior, "posterior_mean")


def _flaw_by_unit(subject: Subject, capability: type, method: str) -> str | None:
    """What is wrong with a method that gives a number for each unit of each sample; None for a model without it."""
    if not isinstance(subject.trained, capability):
        return None
    shape = (len(subject.inputs), _n_latents(subject))
    return flaw_of_values(f"{method}()", getattr(subject.trained, method)(subject.inputs), shape)


@torch.no_grad()
def has_a_likelihood(subject: Subject) -> str | None:
    """elbo() and log_likelihood() give a finite number for each sample."""
    model, shape = subject.trained, (len(subject.inputs),)
    if not isinstance(model, HasLikelihood):
        return None
    return flaw_of_values("elbo()", model.elbo(subject.inputs), shape) or flaw_of_values(
        "log_likelihood()", model.log_likelihood(subject.inputs, 2), shape
    )


@torch.no_grad()
def leaves_inputs_alone(subject: Subject) -> str:
    """Encoding, decoding and the like do not change their inputs."""
    model, x = subject.trained, subject.inputs
    codes = model.encode(x.clone())
    z = codes.dense().clone()
    for name, call in _calls(model, x, codes).items():
        call()
        if not torch.equal(x, subject.inputs) or not torch.equal(codes.dense(), z):
            return f"{name} changes its inputs in place; work on a copy."
    return ""


def _calls(model: Any, x: Tensor, codes: Codes) -> dict[str, Callable[[], Any]]:
    """What the harness calls of a trained model, by name."""
    calls: dict[str, Callable[[], Any]] = {"encode()": lambda: model.encode(x), "decode()": lambda: model.decode(codes)}
    optional: dict[str, Callable[[], Any]] = {
        "encode_with_budget": lambda: model.encode_with_budget(x, 1),
        "sample": lambda: model.sample(x),
        "preactivations": lambda: model.preactivations(x),
        "posterior_mean": lambda: model.posterior_mean(x),
        "elbo": lambda: model.elbo(x),
        "log_likelihood": lambda: model.log_likelihood(x, 2),
    }
    return calls | {f"{name}()": call for name, call in optional.items() if hasattr(model, name)}


def _n_latents(subject: Subject) -> int:
    n_latents: int = subject.trained.config.n_latents  # a model may have fewer than it was asked for
    return n_latents


def _difference(what: str, found: Tensor, expected: Tensor, fix: str) -> str:
    """In words, how values differ by more than rounding; "" where they do not."""
    difference = (found - expected).abs().max().item()
    if difference <= ALIKE * max(1.0, expected.abs().max().item()):
        return ""
    return f"{what} differ by up to {difference:.3g}: {fix}"
