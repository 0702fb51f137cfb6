"""What a figure shows, for tests."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure


def pixels(figure: Figure, panel: int = 0) -> np.ndarray:
    """The pixels of a panel."""
    return np.asarray(figure.axes[panel].images[0].get_array().filled(np.nan))


def labels(figure: Figure, axis: str, panel: int = 0) -> list[str]:
    return [text.get_text() for text in getattr(figure.axes[panel], f"get_{axis}ticklabels")()]


def entries(figure: Figure) -> list[str]:
    """The entries of its legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()] if figure.legends else []


def fits(figure: Figure) -> bool:
    """Whether nothing that is drawn leaves the page, to a hundredth of an inch."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return bool(min(box.x0, box.y0) > -0.01 and box.x1 < width + 0.01 and box.y1 < height + 0.01)
