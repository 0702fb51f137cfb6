"""From images and texts to what a network takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of its pixels, by channel: what most networks of images are trained with."""


class Batch(NamedTuple):
    """What a network is called with."""

    positional: tuple[Tensor, ...]
    """Arguments without a name."""
    named: dict[str, Tensor]
    """Arguments with one."""
    mask: Tensor | None
    """(B, T), which places of a batch of texts are tokens; None for images."""

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        move = {name: tensor.to(device, non_blocking=True) for name, tensor in self.named.items()}
        mask = None if self.mask is None else self.mask.to(device, non_blocking=True)
        return Batch(tuple(tensor.to(device, non_blocking=True) for tensor in self.positional), move, mask)


@dataclass(frozen=True)
class Resizing:
    """What a library's network of images is given: the middle of a scaled image, normalised."""

    size: int
    """Pixels a side."""
    resize: int | None
    """The shorter side is scaled to so many pixels before the middle is cut out; None: both sides to `size`."""
    mean: tuple[float, ...]
    """Subtracted from pixels in [0, 1], by channel."""
    std: tuple[float, ...]
    """By which they are divided then."""
    interpolation: str = "bicubic"
    """nearest, bilinear, bicubic or lanczos, as PIL has them."""

    def __call__(self, image: Image) -> Tensor:
        """(3, size, size) float32."""
        from torchvision.transforms import InterpolationMode, functional

        how = InterpolationMode(self.interpolation)
        to: Any = [self.size, self.size] if self.resize is None else self.resize
        scaled = functional.center_crop(functional.resize(image.convert("RGB"), to, how), [self.size, self.size])
        normalised: Tensor = functional.normalize(functional.to_tensor(scaled), self.mean, self.std)
        return normalised


class Pictures:
    """Images for a network.

    Parameters
    ----------
    transform : callable, optional
        From a PIL image to a tensor; by default pixels (C, H, W) in [0, 1].
    keyword : str, optional
        The argument that takes them; by default the first.
    """

    def __init__(self, transform: Callable[[Image], Tensor] | None = None, keyword: str | None = None) -> None:
        self.transform, self.keyword = transform, keyword

    @property
    def described(self) -> dict[str, Any]:
        """For the manifest."""
        if isinstance(self.transform, Resizing):
            means = {"mean": list(self.transform.mean), "std": list(self.transform.std)}  # as JSON has them
            return {"kind": "images", **asdict(self.transform), **means}
        return {"kind": "images", "transform": "pixels in [0, 1]" if self.transform is None else "the function's own"}

    def one(self, image: Image) -> Tensor:
        """An image as a tensor."""
        if self.transform is not None:
            made: object = self.transform(image)
            if not isinstance(made, Tensor):
                raise BenchError(
                    f"The transform of images returns {type(made).__name__}; a tensor (C, H, W) is needed."
                )
            return made
        from torchvision.transforms import functional

        grey = image.mode in ("1", "L", "LA")
        pixels: Tensor = functional.to_tensor(image.convert("L" if grey else "RGB"))
        return pixels

    def batch(self, images: Sequence[Tensor]) -> Batch:
        """Images as a batch. BenchError where their sizes differ."""
        shapes = {tuple(image.shape) for image in images}
        if len(shapes) > 1:
            raise BenchError(
                f"Images of one size are needed, and these have {' and '.join(map(str, sorted(shapes)[:2]))}: let the "
                "function return (network, transform), whose transform makes a tensor of an image."
            )
        x = torch.stack(list(images))
        return Batch((), {self.keyword: x}, None) if self.keyword else Batch((x,), {}, None)


class Text(NamedTuple):
    """A text for a network."""

    ids: np.ndarray
    """The numbers of its tokens (T,), int32, no more than the context."""
    left_out: int = 0
    """Tokens beyond the context."""


class Tokens:
    """Texts for a network.

    Parameters
    ----------
    tokenizer : Any
        One of transformers.
    context : int
        Tokens that the network sees at most.
    """

    def __init__(self, tokenizer: Any, context: int) -> None:
        self.tokenizer, self.context = tokenizer, context
        self.described = {"kind": "texts", "tokenizer": type(tokenizer).__name__, "context": context}

    def blocks(self, text: str) -> list[np.ndarray]:
        """A running text as the numbers of its tokens, in stretches of the context, each with the special tokens."""
        special = self.tokenizer("")["input_ids"]
        ids = np.array(self._ids(text, add_special_tokens=False), np.int32)
        n = self.context - len(special)
        return [np.array([*special[:1], *ids[i : i + n], *special[1:]], np.int32) for i in range(0, len(ids), n)]

    def one(self, text: str | np.ndarray) -> Text:
        """The tokens of a text that the network sees: its start, and the special tokens. BenchError for none."""
        if not isinstance(text, str):
            return Text(text)
        ids = self._ids(text)
        if not ids:
            raise BenchError(f"The text {text!r:.80} has no token for the tokenizer; leave it out.")
        left_out = max(0, len(ids) - self.context)
        if left_out:
            ids = self._ids(text, truncation=True, max_length=self.context)
        return Text(np.array(ids, np.int32), left_out)

    def words(self, ids: np.ndarray) -> list[str]:
        """Tokens as the vocabulary has them."""
        words: list[str] = self.tokenizer.convert_ids_to_tokens(ids.tolist())
        return words

    def batch(self, texts: Sequence[Text]) -> Batch:
        """Texts side by side, filled up on the right with what the mask hides."""
        ids = [torch.from_numpy(text.ids).long() for text in texts]
        fill = self.tokenizer.pad_token_id or 0  # a tokenizer may have none
        x = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=fill)
        mask = torch.arange(x.shape[1]) < torch.tensor([len(each) for each in ids])[:, None]
        return Batch((), {"input_ids": x, "attention_mask": mask.long()}, mask)

    def _ids(self, text: str, **options: Any) -> list[int]:
        ids: list[int] = self.tokenizer(text, verbose=False, **options)["input_ids"]
        return ids
