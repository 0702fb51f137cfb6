"""Tokens as people read them."""

from __future__ import annotations

WRITTEN = {"▁": " ", "Ġ": " ", "Ċ": "↵", "<0x0A>": "↵", "\n": "↵"}
"""How vocabularies write a space (SentencePiece, byte-level BPE) and the end of a line, and how they are shown."""


def readable(token: str) -> str:
    """'▁once' -> ' once'."""
    for written, shown in WRITTEN.items():
        token = token.replace(written, shown)
    return token
