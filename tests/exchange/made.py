"""Where the checkpoints are that real libraries made, and how a path with options is split."""

from __future__ import annotations

from pathlib import Path

from bench.plugins.checkpoints import checkpoint_place

MADE = Path(__file__).parent / "made"


def split(reference: str) -> tuple[Path, dict[str, str]]:
    """The path and the options of `PATH[:OPTION=VALUE]`."""
    place = checkpoint_place(f"sae:{reference}")
    assert place
    return Path(place.path), dict(place.options)
