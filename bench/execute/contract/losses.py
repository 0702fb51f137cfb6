"""The contract of a model's loss: one finite number, that reaches every parameter, of any batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from bench.execute.contract.checking import listed
from bench.execute.contract.subject import Subject
from models.base import Losses, Model
from models.capabilities import Fittable

PROGRESS = (0.0, 0.5, 1.0)
"""Points of training at which the loss is tried: warm-ups may switch parts of it off."""


def is_a_loss(subject: Subject) -> str | None:
    """The loss of a batch is a finite number with named finite terms."""
    if not subject.by_gradient:
        return None
    model = subject.prepared()
    for progress in PROGRESS:
        losses = model.loss(*subject.batch, progress)
        if flaw := flaw_of_losses(losses):
            return f"at progress {progress:g} {flaw}"
    return ""


def flaw_of_losses(losses: object) -> str:
    """What is wrong with what a loss returned; "" for nothing."""
    if not isinstance(losses, Losses):
        return f"loss() returns {type(losses).__name__}; expected models.base.Losses(total, terms)."
    if not isinstance(losses.total, Tensor) or losses.total.ndim:
        found = f"the shape {tuple(losses.total.shape)}" if isinstance(losses.total, Tensor) else "no tensor"
        return f"the total has {found}; expected a scalar tensor: take the mean over the batch."
    if not losses.total.isfinite():
        return f"the total is {losses.total.item()}; expected a finite number."
    if not losses.total.requires_grad:
        return "the total has no gradient: it depends on no parameter, or was detached."
    if not isinstance(losses.terms, dict):
        return f"terms is {type(losses.terms).__name__}; expected a dict of scalar tensors."
    for name, term in losses.terms.items():
        if not isinstance(name, str) or not isinstance(term, Tensor) or term.ndim:
            return f"the term {name!r} is no scalar tensor under a name."
        if not term.isfinite():
            return f"the term '{name}' is {term.item()}; expected a finite number."
    return ""


def reaches_parameters(subject: Subject) -> str | None:
    """The loss gives every parameter a finite gradient."""
    if not subject.by_gradient:
        return None
    model = subject.prepared()
    without = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    for progress in PROGRESS:
        model.zero_grad(set_to_none=True)
        model.loss(*subject.batch, progress).total.backward()
        given = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
        bad = [name for name, gradient in given.items() if not gradient.isfinite().all()]
        if bad:
            return f"at progress {progress:g} the gradient of {listed(bad)} is NaN or infinite."
        without -= given.keys()
    if not without:
        return ""
    names = listed(name for name, _ in model.named_parameters() if name in without)
    return f"no gradient reaches {names}; use it in the loss, or keep it as a buffer."


def takes_a_last_sample(subject: Subject) -> str | None:
    """The loss of a single sample is finite: the last batch of an epoch may be as small."""
    if not subject.by_gradient:
        return None
    x, labels = subject.batch
    return flaw_of_one_sample(subject.prepared(), x[:1], labels[:1])


def flaw_of_one_sample(model: Model, x: Tensor, labels: Tensor) -> str:
    """What is wrong with the loss of one sample, of a model in training mode; "" for nothing."""
    try:
        return flaw_of_losses(model.loss(x, labels, 0.5))
    except ValueError:
        norms = [name for name, each in model.named_modules() if isinstance(each, _BatchNorm)]
        if not norms:
            raise
        return (
            f"'{norms[0]}' is a batch normalisation, which torch does not train on one sample, and the last batch of "
            "an epoch may have one: use torch.nn.LayerNorm, or put it into evaluation mode where len(x) == 1."
        )


def takes_unlabelled(subject: Subject) -> str | None:
    """Samples without a label (-1) give a finite loss, or a ValueError that says why not."""
    if not subject.by_gradient:
        return None
    x, labels = subject.batch
    none = torch.full_like(labels, -1)
    model = subject.fresh()
    try:
        model.prepare(subject.dataset.train.x.clone(), torch.full_like(subject.dataset.train.labels, -1))
        return flaw_of_losses(model.train().loss(x, none, 0.5))
    except ValueError as error:
        return "" if str(error) else "it raises a ValueError without a word; say what it needs labels for."


def leaves_batches_alone(subject: Subject) -> str | None:
    """Preparing, the loss or the fit do not change their inputs."""
    model = subject.fresh().train()
    x, labels = subject.dataset.train.x.clone(), subject.dataset.train.labels.clone()
    calls: dict[str, Callable[[], object]] = {"prepare()": lambda: model.prepare(x, labels)}
    if isinstance(model, Fittable):
        calls["fit()"] = lambda: model.fit(x)
    else:
        calls["loss()"] = lambda: model.loss(x, labels, 0.5)
    for name, call in calls.items():
        call()
        if not (torch.equal(x, subject.dataset.train.x) and torch.equal(labels, subject.dataset.train.labels)):
            return f"{name} changes its inputs in place; work on a copy."
    return ""
