"""Before any training: one small batch through every model that is to run, on the data that it is to run on.

What this finds would otherwise be found after each training, run by run.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bench.datasets.base import Dataset
from bench.errors import BenchError, message_of
from bench.execute.build import model_plugin
from bench.execute.contract.checking import Check, run_checks
from bench.execute.contract.codes import (
    decodes,
    encodes,
    has_a_likelihood,
    has_a_posterior,
    has_atoms,
    has_preactivations,
    keeps_a_budget,
    repeats,
    samples,
)
from bench.execute.contract.losses import flaw_of_losses, flaw_of_one_sample
from bench.execute.contract.subject import Subject
from bench.execute.contract.unseen import flaw_of_layers
from bench.execute.evaluation import needs_of
from bench.execute.intact import intact
from bench.execute.job import Job
from bench.execute.outputs import outputs_of
from bench.execute.seeding import random_numbers_kept
from bench.execute.training import n_steps
from bench.plugins.loading import load_metrics, load_model_class
from bench.store.spec import RunSpec
from metrics.matrix import evenly_spaced
from models.base import DoesNotApplyError, Model, ModelConfig
from models.capabilities import Fittable

N_SAMPLES = 64
"""Training samples that a model is tried on."""

NEEDED = {
    "atoms": has_atoms,
    "encode_with_budget": keeps_a_budget,
    "sample": samples,
    "preactivations": has_preactivations,
    "posterior_mean": has_a_posterior,
    "likelihood": has_a_likelihood,
}
"""What a metric may ask of a model -> the check of it."""


@dataclass(frozen=True)
class Trial(Subject):
    """A model with the hyperparameters of a run, after its first batch of the data of the run."""

    spec: RunSpec
    """The run."""
    n_train: int
    """Samples that the run is trained on, of which these are some."""

    @cached_property
    def config(self) -> ModelConfig:
        make: Any = self.cls.Config
        config: ModelConfig = make(**self.spec.config)
        return config

    @property
    def budgets(self) -> Sequence[int]:
        return (1,)  # all units of a large pursuit would take minutes

    @cached_property
    @torch.enable_grad()
    def trained(self) -> Model:
        model, data = self.fresh(), self.dataset.train
        with intact(f"The model '{self.spec.model}'", {"x": data.x, "labels": data.labels}):
            if not isinstance(model, Fittable):
                if flaw := flaw_of_layers(model):
                    raise BenchError(flaw)
                model.prepare(data.x, data.labels)
                losses = model.train().loss(*self.batch, 0.0)
                if flaw := flaw_of_losses(losses):
                    raise BenchError(flaw)
                losses.total.backward()
                model.after_backward()
                model.after_step()
                self._require_last_batch(model)
            elif not self.plugin.builtin:  # the fit of a built-in takes as long as its training, and takes any data
                model.fit(data.x)
        return model.eval()

    def _require_last_batch(self, model: Model) -> None:
        """BenchError where epochs of the run end in one sample, and somebody's model cannot be trained on that."""
        if self.plugin.builtin:
            return
        size, n = model.config.batch_size, self.n_train
        steps = n_steps(n, size, model.config.epochs, self.spec.min_steps, self.spec.max_steps)
        if n % size != 1 or steps < math.ceil(n / size):
            return
        x, labels = self.batch
        if flaw := flaw_of_one_sample(model, x[:1], labels[:1]):
            left = f"of {n:,} samples, batches of {size:,} leave one over, another batch_size may not"
            raise BenchError(f"{left}. {flaw}")


def is_measured(subject: Subject) -> str:
    """Evaluation can encode and decode with it."""
    outputs_of(subject.trained, subject.dataset, subject.dataset.test)
    return ""


def require_models(runs: Sequence[tuple[RunSpec, Dataset]], job: Job) -> None:
    """Try each model on its data set, where the job runs.

    BenchError that names all that cannot be trained, or not give what the metrics ask for.
    """
    needs = needs_of(load_metrics(job.metrics)) if runs else ()
    with random_numbers_kept():
        problems = [words for spec, data in runs if (words := _problem(spec, data, needs, job))]
    if problems:
        raise BenchError("\n".join([*problems, "Nothing was started."]))


def _problem(spec: RunSpec, dataset: Dataset, needs: Collection[str], job: Job) -> str:
    """What is wrong with a model on a data set, and what to do; "" for nothing."""
    plugin = model_plugin(spec)
    asked = [Check(check) for need, check in NEEDED.items() if need in needs]
    checks = [Check(encodes, then=(Check(repeats), Check(decodes, then=(Check(is_measured),)), *asked))]
    for n in (N_SAMPLES, len(dataset.train)):  # what a few samples do not give, two classes say, all of them may
        some = _some(dataset, n).to(torch.device(job.device))
        trial: Subject = Trial(plugin, load_model_class(plugin), some, job.data_dir, spec, len(dataset.batched))
        if _meaningless(trial):
            return ""
        flaws = [outcome.problem for outcome in run_checks(checks, trial, plugin) if outcome.problem]
        if not flaws:
            return ""
    fix = "leave it out of --models, or change it with --set"
    if not plugin.builtin and not plugin.checkpoint:
        fix = f"mend it (`python -m bench check {plugin.reference}` tells all), or leave it out of --models"
    where = "" if plugin.builtin else f" of {plugin.target}"
    return f"The model '{spec.label}'{where} cannot run on '{spec.dataset}': {flaws[0].rstrip('.')}. To go on, {fix}."


def why_meaningless(spec: RunSpec, dataset: Dataset, data_dir: Path) -> str:
    """Why the model of a run means nothing on a data set, whatever its hyperparameters; "" where it may."""
    plugin = model_plugin(spec)
    seen = _some(dataset, len(dataset.train))
    return _meaningless(Trial(plugin, load_model_class(plugin), seen, data_dir, spec, len(dataset.batched)))


def _meaningless(trial: Subject) -> str:
    """Why the model does not apply to the data, as its run will say, too; "" where it does."""
    try:
        _ = trial.trained
    except DoesNotApplyError as error:
        return message_of(error)
    except (Exception, SystemExit):  # the checks say what it is
        pass
    return ""


def _some(dataset: Dataset, n: int) -> Dataset:
    """The data set with copies of some training samples in the place of each split: the others stay unseen."""
    split = dataset.train.take(evenly_spaced(len(dataset.train), n))
    return replace(dataset, train=split, validation=split, test=split)
