"""How all figures look: widths of a paper's columns, fonts, colours, and one look for each model in every figure."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache, wraps
from typing import Any, NamedTuple, ParamSpec

import matplotlib
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bench.plugins.registry import MODEL_REGISTRY
from metrics.base import MetricInfo

ONE_COLUMN, TWO_COLUMNS = 3.35, 6.9
"""Widths in inches that fit the templates of the large conferences and IEEE's two columns."""

SANS = "DejaVu Sans"
"""Comes with matplotlib: the same on every machine."""
LONGEST_NAME = 30
"""Letters of a class, or of another name that somebody's data give."""
FONT, SMALL_FONT = 8.0, 7.0
DPI = 300

# Okabe and Ito's colours, which stay apart for colour-blind readers; grey in place of their yellow, too pale for lines.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#808080")
CLASS_PALETTE = (*PALETTE, "#B2182B", "#6A3D9A", "#B8A000", "#8C510A")
# A number of markers without a factor in common with that of colours: 104 looks before one comes again.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d")
GREY = "#B0B0B0"
ROLE_COLOURS = {
    "global": "#0072B2",
    "shared": "#009E73",
    "exclusive": "#E69F00",
    "no role": "#D9D9D9",
    "dead": "#4D4D4D",
}

RC: Any = {
    "font.family": SANS,
    "font.size": SMALL_FONT,
    "axes.labelsize": FONT,
    "axes.titlesize": FONT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": SMALL_FONT,
    "ytick.labelsize": SMALL_FONT,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": SMALL_FONT,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3
    "svg.fonttype": "path",
    "svg.hashsalt": "bench",
}
DEFAULTS: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
# What a format would write of when it was drawn and by what.
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}

P = ParamSpec("P")


class Look(NamedTuple):
    """Colour and marker of a model."""

    colour: str
    """As matplotlib takes it."""
    marker: str
    """As matplotlib takes it."""


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under this style, whatever the caller's own."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(DEFAULTS | RC):
            return draw(*args, **kwargs)

    return drawn


def render(figure: Figure, kind: str = "png") -> bytes:
    """The figure as a file's content, the same bytes for the same figure: png, pdf or svg."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(DEFAULTS | RC):  # ticks are made while drawing
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=METADATA.get(kind))
    return buffer.getvalue()


def look(model: str) -> Look:
    """The look of a model: by its place among those that are registered, by its name where it is a user's own."""
    names = list(MODEL_REGISTRY.plugins)
    place = names.index(model) if model in names else len(names) + zlib.crc32(model.encode()) % 83
    return Look(PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)])


def looks(models: Iterable[str]) -> dict[str, Look]:
    """The look of each model of a figure: its own, but a colour that no other has as long as there are any."""
    names = list(MODEL_REGISTRY.plugins)
    order = sorted(set(models), key=lambda model: (names.index(model) if model in names else len(names), model))
    own = [look(model) for model in order]
    colours = [each.colour for each in own]
    free = iter([colour for colour in PALETTE if colour not in colours])
    return {
        model: each._replace(colour=next(free, each.colour)) if each.colour in colours[:i] else each
        for i, (model, each) in enumerate(zip(order, own, strict=True))
    }


def axis_label(info: MetricInfo) -> str:
    """What an axis of a metric is called: 'L0 [units]'."""
    return f"{info.label} [{info.unit}]" if info.unit else info.label


def round_ticks(n: int, integer: bool = False) -> MaxNLocator:
    """At most so many ticks, at round numbers: 2 and 2.5 and their like, never 1.5 or 3."""
    return MaxNLocator(n, steps=[1, 2, 2.5, 5, 10], integer=integer)


class _RoundNumbers(LogLocator):
    """Ticks at digits times powers of ten; where these have no room, at 1 and 3 times them, or at some powers alone."""

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        assert self.axis is not None
        room = max(2, self.axis.get_tick_space() * 3 // 2)  # matplotlib leaves a line's height between two labels
        for ticks in (super().tick_values(vmin, vmax), LogLocator(10, subs=(1, 3)).tick_values(vmin, vmax)):
            if 0 < sum(vmin <= tick <= vmax for tick in ticks) <= room:
                return ticks
        return LogLocator(10, numticks=room + 1).tick_values(vmin, vmax)


def log_ticks(axis: Axis, digits: Sequence[int] = (1, 2, 5)) -> None:
    """Ticks at 1, 2 and 5 times the powers of ten, or at other digits times these, written out."""
    axis.set_major_locator(_RoundNumbers(10, subs=digits))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def text_inches(labels: list[str], size: float = SMALL_FONT) -> float:
    """Width in inches of the longest of some labels."""
    return max((_inches(line, size) for label in labels for line in label.split("\n") if line), default=0.0)


@cache  # many figures have the same labels
def _inches(line: str, size: float) -> float:
    return float(TextPath((0, 0), line, size=size).get_extents().x1) / 72


@cache
def has_letter(family: str, letter: str) -> bool:
    """Whether a font has a letter, also in bold."""
    files = (findfont(FontProperties(family=family, weight=weight)) for weight in ("normal", "bold"))
    return all(get_font(file).get_char_index(ord(letter)) for file in files)


def short(name: str) -> str:
    """A name as an axis has room for it, each line cut at 30 letters; □ for a letter that the font lacks."""
    lines = ["".join(each if has_letter(SANS, each) else "□" for each in line) for line in name.splitlines()]
    return "\n".join(line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…" for line in lines)


def letter_panels(figure: Figure, corners: list[tuple[float, float]]) -> None:
    """Letters a, b, ... at the given corners, in inches from the left and from the top; none for a single panel."""
    width, height = figure.get_size_inches()
    if len(corners) > 1:
        for letter, (left, top) in zip("abcdefgh", corners, strict=False):
            figure.text(left / width, 1 - top / height, letter, weight="bold", size=FONT, va="top", ha="left")
