"""What activates units most: pictures a row each, or lines of text shaded by how much a unit is on."""

from __future__ import annotations

import unicodedata

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.show.figures import images
from bench.show.figures.style import DPI, PALETTE, TWO_COLUMNS, has_letter, styled
from bench.show.sheets import Sheet, colours, pictures_of
from bench.show.tokens import readable
from bench.store.views import Views

LINES = 3
"""Samples of a unit that is shown in words."""
LETTERS = 118
"""Of a line; of a longer one, those around its strongest word are shown."""
FONT = "DejaVu Sans Mono"
"""Comes with matplotlib. Letters that it lacks, or that run to the left, are drawn as □: the page has them."""
LINE, MARGIN, LETTER = 0.13, 0.06, 17 / DPI
"""Inches. Letters are as wide as a whole number of pixels: a png sets them so."""
SIZE = LETTER * 72 / (1233 / 2048)
"""Points at which its letters have this width."""
Line = list[tuple[str, float]]
"""Words, each with its shade in [0, 1]."""


def units(views: Views) -> Figure:
    """The shown units of a run."""
    names = [_name(views, i) for i in range(len(views.shown_units))]
    shape = views.shown_shape.tolist()
    x = views.shown_inputs
    if len(x) and not len(views.contexts) and pictures_of(x, shape) is not None:
        tiles = np.where(views.unit_tops[:, :, None] < 0, np.nan, x[np.maximum(views.unit_tops, 0)])
        ranks = [str(rank + 1) for rank in range(tiles.shape[1])]
        return images.sheet(Sheet("units", "", tiles, names, ranks, *colours(x)), shape)
    lines: list[Line] = []
    for i, name in enumerate(names):
        tops = [(t, sample) for t, sample in enumerate(views.unit_tops[i][:LINES].tolist()) if sample >= 0]
        most = max(float(views.context_values[i].max(initial=0)), 1e-30) if len(views.contexts) else 1.0
        lines += [[(name, 0.0)], *(_line(views, i, t, sample, most) for t, sample in tops)]
    return _written(lines)


def _name(views: Views, i: int) -> str:
    name, c = f"unit {views.shown_units[i]}", views.class_of(i)
    return name if c < 0 else f"{name} · mostly class {views.class_names[c]}"


def _line(views: Views, i: int, t: int, sample: int, most: float) -> Line:
    """'  4.297  words': of tokens with their shades, else the name, the class and the values of a row."""
    head = (f"{views.unit_values[i, t]:>9.4g}  ", 0.0)
    if len(views.contexts):
        tokens = zip(views.contexts[sample].tolist(), views.context_values[i, t].tolist(), strict=True)
        return [
            head,
            *((readable(views.tokens[token]), max(0.0, value) / most) for token, value in tokens if token >= 0),
        ]
    words = [str(views.shown_names[sample])] if len(views.shown_names) else []
    if views.shown_classes[sample] >= 0:
        words.append(str(views.class_names[views.shown_classes[sample]]))
    if len(views.shown_inputs):
        features = views.feature_names.tolist() or [""] * views.shown_inputs.shape[1]
        row = zip(features, views.shown_inputs[sample].tolist(), strict=True)
        words.append(" ".join(f"{feature} {value:.4g}".strip() for feature, value in row))
    return [head, (", ".join(filter(None, map(str.strip, words))), 0.0)]


def _in_view(line: Line) -> Line:
    """The letters of a line that there is room for: its head, and those around the word with the deepest shade."""
    head, words = ([], line) if len(line) == 1 else (line[:1], line[1:])
    words = [("".join(map(_letter, unicodedata.normalize("NFC", word))), shade) for word, shade in words]
    starts = np.cumsum([0, *(len(word) for word, _ in words)]).tolist()
    room = LETTERS - sum(len(word) for word, _ in head)
    deepest = starts[int(np.argmax([shade for _, shade in words]))] if words else 0
    first = max(0, min(deepest - 2 * room // 3, starts[-1] - room))
    cut = [
        (word[max(0, first - start) : max(0, first + room - start)], shade)
        for start, (word, shade) in zip(starts, words, strict=False)
    ]
    shown = [(word, shade) for word, shade in cut if word]
    if first:
        shown[0] = (f"…{shown[0][0][1:]}", shown[0][1])
    if first + room < starts[-1]:
        shown[-1] = (f"{shown[-1][0][:-1]}…", shown[-1][1])
    return [*head, *shown]


def _letter(letter: str) -> str:
    """The letter as it is drawn, one column wide."""
    if letter.isspace():
        return " "
    alone = unicodedata.category(letter)[0] not in "MC" and unicodedata.bidirectional(letter) not in ("R", "AL")
    return letter if alone and has_letter(FONT, letter) else "□"


@styled
def _written(lines: list[Line]) -> Figure:
    """Lines below each other, in letters of one width, so that shades lie where their words are."""
    height = LINE * len(lines) + 2 * MARGIN
    figure = Figure(figsize=(TWO_COLUMNS, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, TWO_COLUMNS), ylim=(height, 0))
    axes.set_axis_off()
    boxes, shades = [], []
    for number, line in enumerate(lines):
        top, shown, start = MARGIN + LINE * number, _in_view(line), 0
        axes.text(MARGIN, top + LINE / 2, "".join(word for word, _ in shown), family=FONT, size=SIZE,
                  va="center_baseline", weight="bold" if len(line) == 1 else "normal", parse_math=False)  # fmt: skip
        for word, shade in shown:
            if shade > 0:
                boxes.append(Rectangle((MARGIN + start * LETTER, top), len(word) * LETTER, LINE))
                shades.append(shade)
            start += len(word)
    if boxes:
        axes.add_collection(PatchCollection(boxes, facecolor=PALETTE[4], alpha=shades, linewidth=0, zorder=0))
    return figure
