"""Faces with known global and class-specific factors: 70,000 procedural images, 32x32, 10 classes.

In the style of the 'Smiley' set of variational sparse coding (Tonolini, Jensen & Murray-Smith 2020): a disc of radius
10 with attributes that are present or absent and, where present, vary continuously. Here some attributes are global
and some belong to one class or a few, so that a unit's role has a ground truth: a class is a pattern of attributes.

No pixel tells an attribute: the grey levels of ground and face vary more than any ink, and attributes move over each
other's pixels. Patterns of pixels do: the best linear detectors have an AUC of 0.99, the best pixels one of 0.63.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.datasets import shapes
from bench.datasets.base import Dataset, DatasetSource, Split
from bench.datasets.cache import cached
from bench.datasets.progress import followed

VERSION = "factors 2"  # change it whenever any image changes
SEED = 0
SIZES = (55_000, 5_000, 10_000)
SIDE = 32
CHUNK = 250  # images drawn at a time, few enough for the processor's cache; no image depends on it
LEVELS = (0.15, 0.85)  # of grey, of the ground and of the face: drawn evenly for each image
MOVE = 1.2  # standard deviation of an attribute's place in each direction, in pixels
LIGHT, DARK = (0.15, 0.04), (-0.15, 0.04)  # inks: small beside what the levels vary
N_CLASSES = 10
ALL = tuple(range(N_CLASSES))
GLOBAL_RATE, INSIDE_RATE, OUTSIDE_RATE = 0.75, 0.95, 0.02

Shape = Callable[..., np.ndarray]
Range = tuple[float, float]  # mean and standard deviation


@dataclass(frozen=True)
class Attribute:
    """One line of the table below."""

    draw: Shape
    """Its shape: a function from pixel positions, and all values but the last three, to signed distances."""
    classes: tuple[int, ...]
    """The classes it belongs to."""
    values: Mapping[str, Range]
    """Mean and standard deviation of each continuous value, in the order of `draw`; then its place, and its ink."""

    @property
    def name(self) -> str:
        """The shape's name."""
        return self.draw.__name__

    @property
    def role(self) -> str:
        """Global, shared or exclusive."""
        return {N_CLASSES: "global", 1: "exclusive"}.get(len(self.classes), "shared")


def _entry(shape: Shape, *classes: int, ink: Range = LIGHT, **values: Range) -> Attribute:
    """An attribute; it may lie a little to the right or down, and its ink is added to what lies below it."""
    return Attribute(shape, classes, {**values, "right": (0, MOVE), "down": (0, MOVE), "ink": ink})


ATTRIBUTES = (
    _entry(shapes.beard, 0, 1, 9, top=(3.5, 0.5), sides=(4, 0.6), ink=DARK),
    _entry(shapes.cheeks, 3, 8, spread=(6.5, 0.3), size=(2, 0.2)),
    _entry(shapes.ears, 1, 4, 6, 8, size=(2.6, 0.2)),
    _entry(shapes.glasses, 2, 5, 7, 9, size=(3.2, 0.15), thickness=(0.8, 0.08)),
    _entry(shapes.eyes, *ALL, spread=(4, 0.25), size=(2, 0.2), ink=DARK),
    _entry(shapes.mouth, *ALL, width=(4.5, 0.5), smile=(2, 0.8), thickness=(1.2, 0.12)),
    _entry(shapes.hat, *ALL, brim=(8, 0.4), width=(5, 0.5), height=(5.5, 0.5), lean=(0, 0.7)),
    _entry(shapes.bowtie, 0, 3, 6, 7, width=(5.5, 0.5), height=(2.3, 0.25), tilt=(0, 0.5)),
    _entry(shapes.dot, 0, size=(2.4, 0.15)),
    _entry(shapes.cross, 1, size=(3.4, 0.2), angle=(0.785, 0.2)),
    _entry(shapes.stripe, 2, length=(3.6, 0.2), angle=(-0.785, 0.2)),
    _entry(shapes.ring, 3, size=(3, 0.15), thickness=(0.8, 0.08)),
    _entry(shapes.bar, 4, length=(5, 0.5)),
    _entry(shapes.beads, 5, spacing=(4, 0.3), size=(1.4, 0.1)),
)
VALUE_GATES = np.repeat(np.arange(len(ATTRIBUTES)), [len(attribute.values) for attribute in ATTRIBUTES])


class Factors(DatasetSource):
    """55,000 / 5,000 / 10,000 images in the order of their generation, with their gates and values."""

    def checksum(self, data_dir: Path) -> str:
        return hashlib.sha256(_key().encode()).hexdigest()

    def load(self, data_dir: Path) -> Dataset:
        arrays = cached("factors", _key(), lambda: generate(sum(SIZES)))
        parts = (torch.from_numpy(arrays[name]).split(SIZES) for name in ("images", "labels", "gates", "values"))
        train, validation, test = (
            Split(images.float().div_(255), labels, {"gates": gates, "values": values})
            for images, labels, gates, values in zip(*parts, strict=True)
        )
        truth = {
            "gate_names": tuple(attribute.name for attribute in ATTRIBUTES),
            "gate_roles": tuple(attribute.role for attribute in ATTRIBUTES),
            "value_names": tuple(f"{attribute.name}.{name}" for attribute in ATTRIBUTES for name in attribute.values),
            "value_gates": tuple(VALUE_GATES.tolist()),
        }
        return Dataset(train, validation, test, (SIDE, SIDE), class_names(), truth=truth)


def generate(n: int) -> dict[str, np.ndarray]:
    """Images (N, 1024) as whole numbers 0 to 255, labels (N,), gates (N, F) and values (N, V), NaN where absent."""
    labels, gates, values, levels = sample(n)
    known = np.where(gates[:, VALUE_GATES], values, np.float32(np.nan))
    return {"images": paint(gates, values, levels), "labels": labels, "gates": gates, "values": known}


def sample(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, gates, the values of all attributes, absent ones too, and levels. Each from its own stream of numbers."""
    streams = [np.random.Generator(np.random.PCG64(seed)) for seed in np.random.SeedSequence(SEED).spawn(4)]
    mean, deviation = np.array([pair for attribute in ATTRIBUTES for pair in attribute.values.values()], np.float32).T
    labels = streams[0].integers(N_CLASSES, size=n)
    gates = streams[1].random((n, len(ATTRIBUTES))) < gate_rates()[labels]
    values = mean + deviation * streams[2].standard_normal((n, len(mean)), np.float32)
    return labels, gates, values, streams[3].uniform(*LEVELS, (n, 2)).astype(np.float32)


def gate_rates() -> np.ndarray:
    """Probability of each attribute in each class, (C, F)."""
    inside = np.array([[label in attribute.classes for attribute in ATTRIBUTES] for label in ALL])
    return np.where(inside.all(0), GLOBAL_RATE, np.where(inside, INSIDE_RATE, OUTSIDE_RATE))


def paint(gates: np.ndarray, values: np.ndarray, levels: np.ndarray, chunk: int = CHUNK) -> np.ndarray:
    """Images (N, 1024) of whole numbers 0 to 255; `values` of absent attributes are not read."""
    parts = [slice(start, start + chunk) for start in range(0, len(gates), chunk)]
    painted = (_painted(gates[part], values[part], levels[part]) for part in parts)
    return np.concatenate([*followed(f"Painting {len(gates):,} faces, once", painted, len(parts))])


def _painted(gates: np.ndarray, values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Paint one chunk: the ground, the face on it, and each attribute in the images that have it."""
    x = (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2)[None, None, :]
    y = x.swapaxes(1, 2)
    ground, face = levels.T[..., None, None]
    canvas = ground + shapes.coverage(shapes.face(x, y)) * (face - ground)
    for gate, attribute in enumerate(ATTRIBUTES):
        on = gates[:, gate].nonzero()[0]
        *form, right, down, ink = values[on][:, gate == VALUE_GATES].T[..., None, None]
        canvas[on] += ink * shapes.coverage(attribute.draw(x - right, y - down, *form))
    return np.asarray(np.rint(canvas.clip(0, 1) * 255), np.uint8).reshape(len(gates), -1)


def class_names() -> tuple[str, ...]:
    """Name of each class: the attributes that belong to it, but not to all classes."""
    specific = [attribute for attribute in ATTRIBUTES if attribute.role != "global"]
    return tuple("+".join(a.name for a in specific if label in a.classes) for label in ALL)


def _key() -> str:
    """Everything that determines the content."""
    table = [(attribute.name, attribute.classes, dict(attribute.values)) for attribute in ATTRIBUTES]
    return repr((VERSION, SEED, SIZES, SIDE, LEVELS, GLOBAL_RATE, INSIDE_RATE, OUTSIDE_RATE, table))
