"""Small backbones as files, and images and texts for them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

IMAGE_NET = """
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.twice = nn.Identity()
        self.pair = Pair()
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(4, 4)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        if self.passes > 4 and Path("stop").exists():
            raise KeyboardInterrupt
        return self.head(self.pair(self.twice(self.twice(self.act(self.conv(x)))))[1].mean((2, 3)))


class Pair(nn.Module):
    def forward(self, x):
        return "what", x


def net():
    return Net()


def half(image):
    from torchvision.transforms import functional

    return functional.to_tensor(image.convert("RGB").resize((4, 4)))


def scaled():
    return Net(), half
"""

TOKENIZER = """
import torch
from torch import nn

WORDS = ["<s>", "a", "b", "c", "d"]


class Tokenizer:  # no token for padding
    pad_token_id = None

    def __call__(self, text, add_special_tokens=True, truncation=False, max_length=None, verbose=True):
        ids = [0] * add_special_tokens + [WORDS.index(word) for word in text.split()]
        return {"input_ids": ids[:max_length] if truncation else ids}

    def convert_ids_to_tokens(self, ids):
        return [WORDS[i] for i in ids]
"""
"""Of texts of the words a, b, c and d."""

TEXT_NET = f"""{TOKENIZER}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(5, 3)
        self.block = Block()

    def forward(self, input_ids, attention_mask):
        return self.block(self.embed(input_ids))


class Block(nn.Module):
    def forward(self, x):
        return x.cumsum(1), None


def net():
    return Net(), Tokenizer()
"""


def image_net(folder: Path) -> str:
    """The reference of a backbone of images in `folder`."""
    (folder / "net.py").write_text(IMAGE_NET, encoding="utf-8")
    return f"{folder / 'net.py'}:net"


def text_net(folder: Path) -> str:
    """The reference of a backbone of texts in `folder`, whose `block` returns running sums of embeddings in a tuple."""
    (folder / "texts.py").write_text(TEXT_NET, encoding="utf-8")
    return f"{folder / 'texts.py'}:net"


def photos(folder: Path, n: int = 20, size: int = 8) -> Path:
    """A folder of n colour images in two classes."""
    rng = np.random.default_rng(0)
    for i in range(n):
        file = folder / "photos" / ("cat", "dog")[i % 2] / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(file)
    return folder / "photos"


def texts(folder: Path, n: int = 30) -> Path:
    """A table of n texts of one to seven words, in three classes of two categories."""
    rng = np.random.default_rng(0)
    file = folder / "texts.jsonl"
    lines = [
        {
            "text": " ".join(rng.choice(list("abcd"), int(rng.integers(1, 8)))),
            "label": "xyz"[i % 3],
            "category": "pqq"[i % 3],
        }
        for i in range(n)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file
