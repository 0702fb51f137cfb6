"""`bench.SparseCoder`: every model as an estimator of scikit-learn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from bench.api.arguments import require
from bench.api.arrays import as_words, inputs, settings_restored
from bench.api.trained import Trained
from bench.datasets.base import Split
from bench.datasets.conversion import require_precise
from bench.datasets.normalising import moments_of, scaling_of
from bench.datasets.place import NORMALISATIONS
from bench.errors import BenchError, describe_validation, unknown
from bench.execute.dispatch import choose_device
from bench.execute.seeding import derive_seed, seed_everything
from bench.execute.training import train
from bench.plan.request import require_numbers
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY
from models.base import GradientConfig, Model


class SparseCoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A model of this package for pipelines and searches: `transform` gives codes, `inverse_transform` decodes them.

    It is trained on what `fit` is given, all of it, and leaves no run: boards are made of `bench.run`.

    Parameters
    ----------
    model : str
        A name, "package.module:Class" or "my_model.py:MySAE".
    n_latents : int
        Number of units M, where the model can have as many: PCA has no more than features.
    hyperparameters : mapping, optional
        Any others of the model: {"k": 8, "epochs": 20}. Batches are no larger than the training data.
    normalise : str
        What is done to inputs: "auto" (nothing to pixels in [0, 1], else "rms"), "none", "center", "standardise", "rms"
        or "unit"; undone by `inverse_transform`.
    max_steps : int, optional
        Bound on optimiser steps.
    random_state : int, RandomState or None
        Root of initialisation, batches and noise; None: another one each time.
    device : str
        "auto", "cpu" or "cuda".

    Attributes
    ----------
    trained_ : Trained
        The fitted model, for `bench.evaluate`.
    n_features_in_ : int
        D, the number of features.

    Examples
    --------
    >>> import bench
    >>> from sklearn.datasets import load_digits
    >>> x = load_digits().data / 16
    >>> coder = bench.SparseCoder("topk", n_latents=32, hyperparameters={"k": 5}, max_steps=300).fit(x)
    >>> codes = coder.transform(x)
    >>> codes.shape, int((codes != 0).sum(1).max())
    ((1797, 32), 5)
    >>> coder.score(x) > 0.5
    True
    """

    def __init__(
        self,
        model: str = "topk",
        n_latents: int = 64,
        *,
        hyperparameters: Mapping[str, Any] | None = None,
        normalise: str = "auto",
        max_steps: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str = "cpu",
    ) -> None:
        self.model = model
        self.n_latents = n_latents
        self.hyperparameters = hyperparameters
        self.normalise = normalise
        self.max_steps = max_steps
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Train on X (N, D); y (N,) are classes, for models that use them, and are left alone where they are none.

        Raises BenchError for hyperparameters that the model does not have, ValueError for data that it cannot take.
        """
        self._require_arguments()
        values = validate_data(self, X, dtype=[np.float64, np.float32])
        require_precise(values)
        x = inputs(values)
        scaling = scaling_of(moments_of(x), self.normalise)
        split = Split(scaling.of(x) if scaling else x, _classes(y))  # type: ignore[arg-type]
        seed = int(check_random_state(self.random_state).randint(2**31))
        with settings_restored():
            seed_everything(seed, "initialisation")
            device = torch.device(choose_device(str(self.device)))
            model = self._untrained(split).to(device)
            seed_everything(seed, "training noise")
            try:
                train(model, split.to(device), derive_seed(seed, "batches"), max_steps=self.max_steps)
            except ValueError as error:
                raise ValueError(
                    f"{self.model} cannot be fitted (n_samples = {len(x)}): {_in_python(error)}"
                ) from error
        self.trained_ = Trained(self.model, model.eval(), scaling)
        self._address = MODEL_REGISTRY.find(self.model).address
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Have a pickle import the model's code before its parts: only this process knows a file's module by name."""
        return _unpickled, (type(self), getattr(self, "_address", None)), self.__getstate__()

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Codes (N, M) of X (N, D), with exact zeros where a unit is off."""
        check_is_fitted(self)
        return self.trained_.encode(validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Reconstructions (N, D) of codes (N, M)."""
        check_is_fitted(self)
        return self.trained_.decode(X)

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Explained variance of X (N, D): 1 is perfect, 0 no better than the mean of X."""
        x_hat = self.inverse_transform(self.transform(X))
        x = np.asarray(X, dtype=np.float64)
        return float(1 - np.square(x - x_hat).sum() / np.square(x - x.mean(0)).sum())

    def _require_arguments(self) -> None:
        """BenchError for arguments of another type, or out of range; those of the model it says itself."""
        require("model", self.model, str, "a name, or 'my_model.py:MySAE'")
        if self.hyperparameters is not None:
            require("hyperparameters", self.hyperparameters, Mapping, "a mapping, {'k': 8}")
        if self.normalise not in NORMALISATIONS:
            raise unknown("normalise", self.normalise, NORMALISATIONS)
        if self.max_steps is not None:
            valid = "1 or more, or None for as many as the model's epochs"
            require("max_steps", self.max_steps, (int, np.integer), valid)
            if self.max_steps < 1:
                raise BenchError(f"max_steps = {self.max_steps}: give {valid}.")

    def _untrained(self, split: Split) -> Model:
        """The model as it begins. BenchError for hyperparameters that it does not have."""
        cls = load_model_class(MODEL_REGISTRY.find(self.model))
        if cls.settled is not None:
            raise BenchError(f"{self.model} is trained already: measure it with bench.run(models='{self.model}').")
        given = {"n_latents": self.n_latents, **(self.hyperparameters or {})}
        for name in given:
            if name not in cls.Config.model_fields:
                raise unknown(f"hyperparameter of {self.model}", name, cls.Config.model_fields)
        require_numbers(self.model, cls.Config, given)
        try:
            config = cls.Config(**given)
        except ValidationError as error:
            raise BenchError(describe_validation(self.model, error)) from error
        if isinstance(config, GradientConfig):
            config = config.model_copy(update={"batch_size": min(config.batch_size, len(split))})
        return cls(config, split.x.shape[1])

    @property
    def _n_features_out(self) -> int:
        return self.trained_.n_latents

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        with suppress(BenchError):  # said by `fit`
            require("model", self.model, str, "a name")
            tags.input_tags.positive_only = load_model_class(MODEL_REGISTRY.find(self.model)).nonnegative
        return tags


def _unpickled(cls: type[SparseCoder], address: str | None) -> SparseCoder:
    """One without its state, and the code of its model imported if it is fitted."""
    if address:
        load_model_class(MODEL_REGISTRY.find(address))
    return cls.__new__(cls)


def _in_python(error: ValueError) -> str:
    """What a model says of its inputs, with the argument of this class in place of the option of the command line."""
    return re.sub(
        r" \(--set MODEL[^)]*\)", "", re.sub(r"--set (\w+)=(\w+)", r"hyperparameters={'\1': '\2'}", str(error))
    )


def _classes(y: ArrayLike | None) -> np.ndarray | None:
    """Classes by number, in their order, -1 for a word that is missing; None where there are none, as for a target of a
    regression."""
    values = None if y is None else as_words(np.asarray(y))
    if values is None or type_of_target(values, raise_unknown=True) not in ("binary", "multiclass"):
        return None
    names, numbers = np.unique(values, return_inverse=True)
    return numbers - 1 if names.dtype.kind == "U" and names[0] == "" else numbers
