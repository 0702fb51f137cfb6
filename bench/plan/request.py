"""The user's request: from flags or a study file to one validated Request."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench.errors import BenchError, describe_validation, unknown
from bench.plan.yaml_text import load_yaml
from bench.store.files import read_regular
from bench.store.spec import BUDGETS, Precision, Settings

MOST_SEEDS = 100_000
"""That a number of seeds may ask for: a larger one is more likely a single seed, such as a date."""
MOST_RUNS = 100_000
"""Of a study, unless it says otherwise."""
MOST_BYTES = 2**20
"""Of a study file."""


class Override(NamedTuple):
    """`MODEL.FIELD=VALUE`, or `FIELD=VALUE` for every model that has the field (model None); several values: a grid."""

    model: str | None
    """The model; None for every one that has the field."""
    field: str
    """The hyperparameter."""
    values: tuple[Any, ...]
    """Its values."""

    @property
    def name(self) -> str:
        """What it is of: 'topk.k', or 'k' for every model that has it."""
        return f"{self.model}.{self.field}" if self.model else self.field

    def concerns(self, model: str, fields: Container[str]) -> bool:
        """Whether a model that has these fields gets it."""
        return self.model in (None, model) and self.field in fields


class Request(BaseModel):
    """Models x data sets x seeds, in one setting, with overrides, at a budget. The keys of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...] = ("all",)
    """Names or references of models; `all` stands for every registered one, here and below."""
    datasets: tuple[str, ...] = ("digits",)
    """Names or references of data sets."""
    metrics: tuple[str, ...] = ("all",)
    """Names or references of metrics. They are not part of a run's identity."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Roots of the streams of random numbers."""
    settings: tuple[Settings, ...] = ("native",)
    """"native": each model's own; "matched": shared sizes, swept sparsity."""
    budget: Literal["smoke", "quick", "full"] = "quick"
    """How much training and evaluation a run gets."""
    precision: Precision = "float32"
    """Of matrix products in training, on a GPU."""
    set: tuple[Override, ...] = ()
    """Hyperparameters that differ from the setting's."""
    max_runs: int = Field(MOST_RUNS, ge=1)
    """How many runs it may come to: more are refused before they are laid out."""

    @classmethod
    def build(cls, **values: Any) -> Self:
        """A Request from raw values, with BenchError for what is invalid."""
        for key in values:
            if key not in cls.model_fields:
                raise unknown("key of a study", key, cls.model_fields)
        require_numbers("", cls, values)
        try:
            return cls(**values)
        except ValidationError as error:
            raise BenchError(describe_validation("", error)) from error

    @field_validator("models", "datasets", "metrics", "settings", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = comma_separated(value)
        if not value:
            raise ValueError("name at least one, or leave it out for the default")
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            raise ValueError("give a list of names; what is asked for follows a name, as in acts.npy:normalise=rms")
        return value

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_or_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            words = comma_separated(value)
            value = words if "," in value else int(value) if value.strip().isdecimal() else None
        if isinstance(value, int) and not isinstance(value, bool):
            if value > MOST_SEEDS:
                raise ValueError(
                    f"that is a number of seeds, more than {MOST_SEEDS:,}; with a comma, '{value},', it is one seed"
                )
            value = range(value)
        if not isinstance(value, list | tuple | range) or not value or any(isinstance(seed, bool) for seed in value):
            raise ValueError("give a number of seeds (at least 1) or a list such as 0,1,2")
        return tuple(value)

    @field_validator("seeds")
    @classmethod
    def _seeds_not_negative(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(seed < 0 for seed in value):
            raise ValueError("seeds are 0 or more")
        return value

    @field_validator("set", mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            for model, item in value.items():
                if isinstance(item, dict) and item:
                    raise ValueError(f"{{{model}: {{...}}}} is no value; write {model}.{next(iter(item))}: VALUE")
            return [_override(key, item) for key, item in value.items()]
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str | Override) for item in items):
            raise ValueError("give MODEL.FIELD: VALUE pairs, e.g. {topk.k: [8, 16]}")
        return [parse_assignment(item) if isinstance(item, str) else item for item in items]

    @field_validator("set")
    @classmethod
    def _each_once(cls, value: tuple[Override, ...]) -> tuple[Override, ...]:
        grids: dict[str, list[Any]] = {}
        for override in value:
            grids.setdefault(override.name, []).extend(override.values)
        names = [override.name for override in value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is given twice; for a grid give {twice[0]}={grids[twice[0]]}")
        return value

    @field_validator("budget", mode="before")
    @classmethod
    def _known_budget(cls, value: Any) -> Any:
        if not isinstance(value, str) or value not in BUDGETS:
            raise ValueError(f"valid: {', '.join(BUDGETS)}")
        return value


def comma_separated(text: str) -> list[str]:
    """The words of `a, b,c`; a comma at the end adds none."""
    return [word.strip() for word in text.split(",") if word.strip()]


def parse_assignment(text: str) -> Override:
    """`topk.k=8`, `alpha=[0.1,0.2]` (a grid); the value is YAML."""
    return _override(*split_assignment("--set", text, "MODEL.FIELD=VALUE or FIELD=VALUE", "topk.k=8"))


def split_assignment(option: str, text: str, form: str, example: str) -> tuple[str, Any]:
    """The key and the YAML value of `KEY=VALUE`. BenchError that names the option where it is not of this form."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise BenchError(f"{option} '{text}' is not {form}, e.g. {option} {example}")
    try:
        return key, load_yaml(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BenchError(f"{option} '{text}': the value is not readable as YAML ({error})") from error


def _override(key: str, value: Any) -> Override:
    model, _, field = key.rpartition(".")
    return Override(model or None, field, tuple(value) if isinstance(value, list) else (value,))


def read_study(path: Path) -> dict[str, Any]:
    """The keys of a study file (YAML), unvalidated."""
    return read_mapping(path, "study", "'models: [topk, mp]' and 'datasets: [digits]'")


def read_mapping(path: Path, kind: str, example: str, empty: dict[str, Any] | None = None) -> dict[str, Any]:
    """The keys of a YAML file; `empty` for one without content. BenchError where it is unreadable, or no mapping."""
    try:
        content = load_yaml(read_regular(path, MOST_BYTES, follow=True).decode("utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise BenchError(f"The {kind} '{path}' cannot be read: {error}") from error
    content = empty if content is None else content
    if not isinstance(content, dict):
        raise BenchError(f"The {kind} '{path}' is not a mapping; write e.g. {example}.")
    return content


def require_numbers(owner: str, cls: type[BaseModel], values: Mapping[str, Any]) -> None:
    """BenchError for true or false in a field of numbers: Python takes them for 1 and 0."""
    for field, value in values.items():
        annotation = cls.model_fields[field].annotation if field in cls.model_fields else None
        types = (annotation, *get_args(annotation))
        if isinstance(value, bool) and bool not in types and (int in types or float in types):
            raise BenchError(f"{'.'.join(filter(None, (owner, field)))} = {value}: give a number, not true or false.")
