"""From timm:NAME, torchvision:NAME, hf:NAME_OR_FOLDER or file.py:function to a network and how it takes its inputs."""

from __future__ import annotations

import hashlib
import importlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.activations.preparing import IMAGENET, Pictures, Resizing, Tokens
from bench.datasets.readers import torch_saved
from bench.errors import BenchError, first_line, message_of, unknown
from bench.plugins.plugin import Plugin
from bench.plugins.registry import by_reference, load_object
from bench.store.files import expanded

INSTALL = "Install it: pip install 'sparse-latent-bench[activations]'"
LIBRARIES = {"timm": "timm", "torchvision": "torchvision", "hf": "transformers"}
"""Kind of a backbone -> the package that its network is of."""
CONTEXT = 512
"""Tokens of a text, where nothing else is asked for and the network takes as many."""


class Backbone(NamedTuple):
    """A network and how it takes images or texts."""

    network: nn.Module
    """In evaluation mode, its values float32."""
    preparing: Pictures | Tokens
    """From inputs to its arguments."""
    code: str = ""
    """SHA-256 of the files of its function; "" for a library's."""

    def weights(self) -> str:
        """SHA-256 over the names and values of its parameters and buffers."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.network.state_dict().items()):
            values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode() + values.numpy().tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Wanted:
    """What was asked for of a backbone."""

    reference: str
    """timm:NAME, torchvision:NAME, hf:NAME_OR_FOLDER or file.py:function."""
    weights: Path | None = None
    """A file of weights, in place of the published ones."""
    image_size: int | None = None
    """Pixels a side; None: the network's own."""
    context: int | None = None
    """Tokens of a text; None: the network's own, 512 at most."""


def load_backbone(wanted: Wanted) -> Backbone:
    """The network that was asked for, in evaluation mode. Nothing is downloaded for a path, or where there are weights.

    Raises
    ------
    BenchError
        There is no such network, a library is missing, or the weights do not fit.
    """
    kind, colon, name = wanted.reference.partition(":")
    if not colon or not name:
        raise BenchError(
            f"--backbone '{wanted.reference}' names no network: give {', '.join(f'{each}:NAME' for each in LOADERS)}, "
            "hf:FOLDER or file.py:function."
        )
    try:
        backbone = LOADERS.get(kind, _function)(wanted, name)
    except BenchError:
        raise
    except Exception as error:  # libraries raise what they like
        raise BenchError(
            f"The backbone '{wanted.reference}' does not load: {type(error).__name__}: {first_line(message_of(error))}"
        ) from error
    for option, given, takes in (
        ("--image-size", wanted.image_size, isinstance(getattr(backbone.preparing, "transform", None), Resizing)),
        ("--context", wanted.context, isinstance(backbone.preparing, Tokens)),
    ):
        if given and not takes:
            raise BenchError(f"{option} {given} changes nothing of '{wanted.reference}'; leave it out.")
    if wanted.weights:
        restore(backbone.network, wanted.weights)
    nn.Module.float(backbone.network)  # transformers refuses its own on what was quantised, and is whole by now
    backbone.network.eval().requires_grad_(False)
    return backbone


def restore(network: nn.Module, file: Path) -> None:
    """Copy the weights of a file into a network. BenchError where they do not fit, or the file holds code."""
    weights = _weights(file)
    try:
        missing, strange = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise BenchError(f"'{file}' does not fit the backbone: {' '.join(str(error).split())[:300]}") from error
    own = network.state_dict()
    given = {own[name].data_ptr() for name in weights if name in own}
    missing = [name for name in missing if own[name].data_ptr() not in given]  # a tied tensor stands once
    if missing or strange:
        words = [f"it lacks {', '.join(missing[:3])}"] if missing else []
        words += [f"the backbone has no {', '.join(strange[:3])}"] if strange else []
        raise BenchError(f"'{file}' does not fit the backbone: {'; '.join(words)}. Is it another network's?")


def _weights(file: Path) -> dict[str, Tensor]:
    """Name -> tensor, without what data-parallel training and checkpoints put around."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(file)
        else:
            found = torch_saved(file)
    except pickle.UnpicklingError as error:
        raise BenchError(
            f"'{file}' holds pickled objects, which could run code: save the weights alone, as safetensors."
        ) from error
    except Exception as error:  # each format has errors of its own
        raise BenchError(f"The weights '{file}' cannot be read: {first_line(message_of(error))}.") from error
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise BenchError(f"'{file}' holds no mapping from names to tensors; save network.state_dict().")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BenchError(f"{name} is not installed, or not whole ({first_line(str(error))}). {INSTALL}") from error


def _timm(wanted: Wanted, name: str) -> Backbone:
    timm = _library("timm")
    if not timm.is_model(name):
        raise unknown("timm network", name, _near(name, timm.list_models()), "All: timm.list_models().")
    network = timm.create_model(name, pretrained=wanted.weights is None)
    config = timm.data.resolve_data_config(model=network)
    own = config["input_size"][-1]
    size = wanted.image_size or own
    how = config["interpolation"] if config["interpolation"] != "random" else "bilinear"
    resize = None if config["crop_mode"] == "squash" else int(size / config["crop_pct"])
    return Backbone(network, Pictures(Resizing(size, resize, tuple(config["mean"]), tuple(config["std"]), how)))


def _torchvision(wanted: Wanted, name: str) -> Backbone:
    from torchvision import models

    if name not in models.list_models():
        raise unknown("torchvision network", name, _near(name, models.list_models()))
    published = models.get_model_weights(name).DEFAULT
    network = models.get_model(name, weights=None if wanted.weights else published)
    own = published.transforms()
    size, resize = own.crop_size[0], own.resize_size[0]
    if wanted.image_size:
        size, resize = wanted.image_size, round(wanted.image_size * resize / size)
    how = own.interpolation.value
    return Backbone(network, Pictures(Resizing(size, resize, tuple(own.mean), tuple(own.std), how)))


def _transformers(wanted: Wanted, name: str) -> Backbone:
    transformers = _library("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    path = expanded(Path(name))
    if not path.exists() and (name.startswith((".", "/", "~")) or path.suffix == ".gguf"):
        raise BenchError(f"There is no '{path}' for --backbone {wanted.reference}; give its path from here.")
    options: dict[str, Any] = {"local_files_only": path.exists()}
    if path.suffix == ".gguf":
        for library in ("gguf", "accelerate"):
            _library(library)
        options["gguf_file"], name = path.name, str(path.parent)
    elif path.exists():
        name = str(path)
    config = transformers.AutoConfig.from_pretrained(name, **options)
    usual = transformers.AutoModelForCausalLM if "gguf_file" in options else transformers.AutoModel
    cls = getattr(transformers, (config.architectures or [""])[0], usual)
    if wanted.weights:
        network = cls._from_config(config) if hasattr(cls, "_from_config") else cls.from_config(config)
    else:
        network, loading = cls.from_pretrained(name, dtype=torch.float32, output_loading_info=True, **options)
        if missing := sorted(loading["missing_keys"]):
            raise BenchError(f"{name} lacks {len(missing)} of the network's weights: {', '.join(missing[:3])}.")
    if network.main_input_name == "pixel_values":
        return Backbone(network, Pictures(_resizing(transformers, wanted, name, config), "pixel_values"))
    network.config.use_cache = False
    tokenizer = transformers.AutoTokenizer.from_pretrained(name, **options)
    most = min(tokenizer.model_max_length, getattr(config, "max_position_embeddings", None) or CONTEXT)
    if wanted.context and wanted.context > most:
        raise BenchError(f"--context {wanted.context}: {wanted.reference} takes {most} tokens at most.")
    return Backbone(network, Tokens(tokenizer, wanted.context or min(most, CONTEXT)))


def _resizing(transformers: Any, wanted: Wanted, name: str, config: Any) -> Resizing:
    """What preprocessor_config.json says; without one, the network's own size and the mean pixel of ImageNet."""
    try:
        own, _ = transformers.AutoImageProcessor.get_image_processor_dict(name)
    except (OSError, AttributeError):
        own = {}
    each_side: list[dict[str, Any]] = [
        {"shortest_edge": sides, "height": sides} if isinstance(sides, int) else sides or {}
        for sides in (own.get("size"), own.get("crop_size"))
    ]
    sides, crop = each_side
    size: int = crop.get("height") or sides.get("height") or getattr(config, "image_size", None) or 224
    resize: int | None = sides.get("shortest_edge") if own else size
    if wanted.image_size:
        size, resize = wanted.image_size, resize and round(wanted.image_size * resize / size)
    how = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}[own.get("resample", 3)]
    mean, std = own.get("image_mean", IMAGENET[0]), own.get("image_std", IMAGENET[1])
    return Resizing(size, resize, tuple(mean), tuple(std), how)


def _function(wanted: Wanted, name: str) -> Backbone:
    plugin: Plugin | None = by_reference(wanted.reference, "backbone")
    if plugin is None or not plugin.target.endswith(".py"):
        raise unknown("kind of backbone", wanted.reference.partition(":")[0], LOADERS, "Or give file.py:function.")
    made = load_object(plugin, "backbone")()
    network, own = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(network, nn.Module):
        raise BenchError(f"'{wanted.reference}' returns {type(network).__name__}, no torch.nn.Module.")
    if hasattr(own, "convert_ids_to_tokens"):
        return Backbone(network, Tokens(own, wanted.context or CONTEXT), plugin.content())
    if own is not None and not callable(own):
        raise BenchError(f"'{wanted.reference}' returns (network, {own!r:.40}); the second makes tensors of images.")
    return Backbone(network, Pictures(own), plugin.content())


def _near(name: str, names: list[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, names, 8, 0.3) or names[:8]


LOADERS: dict[str, Callable[[Wanted, str], Backbone]] = {
    "timm": _timm,
    "torchvision": _torchvision,
    "hf": _transformers,
}
"""Where networks come from -> what loads one."""
