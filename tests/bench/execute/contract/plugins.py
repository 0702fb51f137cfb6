"""Plug-in files that keep the contract, each with a place where one thing can be broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent, indent

from bench.execute.contract import check_object
from bench.execute.contract.checking import Check

MODEL = '''\
import torch
from pydantic import Field
from models.base import DenseCodes, GradientConfig, Losses, Model, SparseCodes


class SoundConfig(GradientConfig):
    n_latents: int = Field(8, ge=1, description="Number of latents M")
    k: int = Field(2, ge=1, description="A budget")


class Sound(Model):
    Config = SoundConfig

    def __init__(self, config, n_features):
        super().__init__(config, n_features)
        self.encoder = torch.nn.Linear(n_features, config.n_latents)
        self.decoder = torch.nn.Linear(config.n_latents, n_features)

    def loss(self, x, labels, progress):
        z = self.encoder(x).relu()
        error = (x - self.decoder(z)).square().sum(1).mean()
        return Losses(error + 0.1 * z.sum(1).mean(), {"error": error})

    def encode(self, x):
        return DenseCodes(self.encoder(x).relu())

    def decode(self, codes):
        return self.decoder(codes.dense())


class Mine(Sound):
    """A model."""

'''

METRIC = """\
import torch
from torch import Tensor
from metrics.base import NotApplicable, metric
from metrics.matrix import Matrix, column_sums


"""

DATASET = '''\
import torch
from bench.datasets.base import Dataset, DatasetSource, Split


def split(seed, n):
    generator = torch.Generator().manual_seed(seed)
    return Split(torch.rand(n, 6, generator=generator), torch.arange(n) % 3)


class Sound(DatasetSource):
    sizes = (30, 10, 12)

    def checksum(self, data_dir):
        return "mine 1"

    def load(self, data_dir):
        train, validation, test = (self.split(seed, n) for seed, n in enumerate(self.sizes))
        return Dataset(train, validation, test, (2, 3), ("a", "b", "c"))

    def split(self, seed, n):
        return split(seed, n)


class Mine(Sound):
    """A data set."""

'''


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    """A plug-in file."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def subclass(folder: Path, base: str, body: str) -> str:
    """A reference to a class of the base's file with more in it."""
    return f"{write(folder, base + indent(dedent(body).strip() or 'pass', '    '))}:Mine"


def problems(reference: str) -> dict[str, str]:
    """What was tried and found wrong."""
    return {what: problem for what, problem in check_object(reference, Path("data")) if problem}


def whats(expected: Mapping[Callable[..., str | None] | str, str]) -> dict[str, str]:
    """Problems by what was tried, of those by the function that tries it."""
    return {key if isinstance(key, str) else Check(key).what: problem for key, problem in expected.items()}


def masked(found: dict[str, str]) -> dict[str, str]:
    """The same with '#' for measured numbers, of which a library's version may change the last digits."""
    return {what: re.sub(r"\b(to|from) -?\d+\.\d+(e-?\d+)?", r"\1 #", problem) for what, problem in found.items()}
