"""From texts to what a network takes."""

from __future__ import annotations

import pytest

from bench.activations.preparing import Tokens
from bench.errors import BenchError


class Letters:
    """A tokenizer without special tokens that knows two letters, and drops what it does not know."""

    def __call__(self, text: str, verbose: bool, **options: object) -> dict[str, list[int]]:
        return {"input_ids": ["ab".index(letter) for letter in text if letter in "ab"]}


def test_a_text_without_a_token_is_refused_by_its_words() -> None:
    """Its first and last token would be padding."""
    tokens = Tokens(Letters(), 8)
    assert tokens.one("a b").ids.tolist() == [0, 1]
    with pytest.raises(BenchError, match="The text 'none' has no token for the tokenizer; leave it out"):
        tokens.one("none")
