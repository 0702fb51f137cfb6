"""A study file, and what flags say in place of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.plan.request import Override, Request, read_study
from bench.plugins.loading import load_model_class
from bench.plugins.registry import MODEL_REGISTRY

Fields = Mapping[str, Mapping[str, Any]]
"""Model -> its hyperparameters."""


def request_of(study: Path | None, flags: Mapping[str, Any]) -> Request:
    """The request of flags, or of a study file with these in place of the file's keys.

    Of `set` they win field by field: what the file sets of other fields stays, but for models that `models` leaves out.

    Parameters
    ----------
    study : path, optional
        A YAML file with the fields of `Request`.
    flags : mapping
        Raw values of some of them.

    Raises
    ------
    BenchError
        For what is invalid in either.
    """
    asked = Request.build(**flags)
    if study is None:
        return asked
    whole = Request.build(**read_study(study))
    kept = [each for each in whole.set if not any(_replaces(own, each) for own in asked.set)]
    if "models" in flags:
        before, now = _fields(whole), _fields(asked)
        kept = [each for each in kept if _concerns(each, now) or not _concerns(each, before)]  # a mistake stays one
    return whole.model_copy(update={key: getattr(asked, key) for key in flags} | {"set": (*kept, *asked.set)})


def _replaces(own: Override, other: Override) -> bool:
    return own.field == other.field and own.model in (None, other.model)


def _fields(request: Request) -> Fields:
    chosen = MODEL_REGISTRY.choose(request.models)
    return {plugin.name: load_model_class(plugin).Config.model_fields for plugin in chosen}


def _concerns(override: Override, models: Fields) -> bool:
    return any(override.concerns(name, fields) for name, fields in models.items())
