"""The answer in words: a sentence that a board's readings make, true for any study, and what to be wary of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from bench.compare.answers import Answer
from bench.compare.boards import Board, Column, Row
from bench.compare.marks import MARK_SEEDS
from bench.compare.prices import Price
from bench.compare.readings import NEAR, Reading
from bench.compare.sweeps import Sweep
from bench.errors import clipped, counted, listed
from bench.show.tables import format_interval, format_number

MOST_NAMES = 3
"""Rows that a tie names; of more it says how many."""
MOST_LETTERS = 60
"""Of a row's name in a sentence."""
FAR = 5
"""Ratio of the prices of two settings from which a reading between them is warned of."""
NO_MODEL = "no model"
"""How a verdict begins that names none; such verdicts come last."""


def sentence(answer: Answer, reading: Reading | None = None) -> str:
    """'At L0 10 on digits (...), mp reconstructs best (FVU 0.11 ± 0.01); ...'.

    Parameters
    ----------
    reading : Reading, optional
        The one of the answer's readings that it is of; None: the chosen one.
    """
    board, price = answer.board, answer.price
    if price is None:
        return f"{board.title}: no price such as sparsity was measured, so no models can be compared at an equal one."
    reading = reading or answer.chosen
    if reading is None:
        return f"{board.title}: {_unlike(answer, price)}"
    return f"{at(reading)}, {_verdicts(reading)}{_elsewhere(answer, reading)}{_rest(reading)}"


def at(reading: Reading) -> str:
    """'At L0 10 on digits (matched setting, quick budget)'."""
    return f"{'Over' if reading.price.is_range else 'At'} {level(reading)} on {where(reading.source)}"


def where(board: Board) -> str:
    """'digits (matched setting, quick budget)'."""
    version = f", data {board.data_version}" if board.data_version else ""
    return f"{board.dataset} ({board.settings} setting, {board.budget} budget{version})"


def level(reading: Reading) -> str:
    """'L0 10', or 'L0 4 to 32'."""
    return f"{reading.column.info.label} {reading.price.value}"


def _unlike(answer: Answer, price: Column) -> str:
    rows = [row for row in answer.board.rows if row.model not in answer.floors]
    paid = [row.intervals[price.name].mean for row in rows if price.name in row.intervals]
    if not paid:
        return f"no model has a number of {price.info.label}, so none can be compared at an equal one."
    if len({row.model for row in rows}) == 1:
        return f"{clipped(rows[0].model, MOST_LETTERS)} is the only model, and there is none to compare it with."
    return (
        f"no two models can be read at one {price.info.label}, so nothing says which is best at an equal one. "
        f"The rows stand at {_ends(paid)}; `--settings matched` sweeps the sparsity."
    )


def _verdicts(reading: Reading) -> str:
    reached = [row for row in reading.ranked if row.n_done]
    if reading.ranked and len(reached) < 2:
        return _hardly_reached(reading, reached)
    ranked = [column for column in reading.board.columns if column.info.direction != "none"]
    told = sorted(filter(None, (_verdict(reading, column) for column in ranked)), key=lambda words: NO_MODEL in words)
    if not told:
        return "no ranked metric is there for two models"
    return _hedge(reading) + "; ".join(told)


def _hedge(reading: Reading) -> str:
    """What stands before verdicts that are of averages alone; "" where there are marks."""
    if _are_marked(reading):
        return ""
    ranks = [reading.ranks(column) for column in reading.board.columns]
    are_told = any(rank != (1, len(of)) for of in ranks for rank in of.values())
    few = f"too few seeds for a mark, which takes {MARK_SEEDS}" if are_told else "too few seeds to tell models apart"
    return f"{few}, but on average "


def _are_marked(reading: Reading) -> bool:
    """Whether tests say something of any column; of none that fewer than two rows can be compared in."""
    return any(reading.board.ties.values())


def _hardly_reached(reading: Reading, reached: Sequence[Row]) -> str:
    """'no model reaches it: the settings of the models lie at L0 2 to 64'; or that one alone does."""
    who = f"only {_name(reached[0])} reaches it" if reached else "no model reaches it"
    labels = {row.label for row in reading.ranked}
    paid = [value for s in reading.sweeps if s.label in labels for value in _paid(s, reading.price.metric)]
    return f"{who}: the settings of the models lie at {reading.column.info.label} {_ends(paid)}"


def _verdict(reading: Reading, column: Column) -> str:
    """'mp reconstructs best (FVU 0.11 ± 0.01), not told apart from omp'; "" where there are not two rows."""
    rows = [row for row in reading.ranked if column.name in row.intervals]
    if len(rows) < 2 or not column.info.answer:
        return ""
    tied = reading.board.ties.get(column.name)
    compared = [row for row in rows if row.label in tied] if tied else rows
    best = leader(compared, column)
    others = [_name(row) for row in compared if row is not best] if tied else []
    number = f"{column.info.label} {format_interval(best.intervals[column.name])}"
    number += _cautions(reading, best, column) + _floor_ahead(reading, best, column)
    if len(others) == len(rows) - 1:
        first = f"(best on average: {_name(best)}, {number})"
        return f"{NO_MODEL} is told apart from the others in {column.info.label} {first}"
    untold = "" if tied or not _are_marked(reading) else ", on average, as no test can be made"
    ahead = _ahead(reading, rows, best, column)
    return f"{_name(best)} {column.info.answer} ({number}){untold}{_ties(others)}{ahead}"


def _cautions(reading: Reading, row: Row, praised: Column) -> str:
    """'; 81% of its units are dead': what a reader of one column should know of another."""
    cautions = [c for c in reading.source.columns if c.info.caution and c.name != praised.name]
    shares = [(row.intervals[c.name].mean, c.info) for c in cautions if c.name in row.intervals]
    large = [(share, info.caution) for share, info in shares if share > info.caution_above]
    return "".join(f"; {_percent(share)} {words}" for share, words in large)


def _floor_ahead(reading: Reading, best: Row, column: Column) -> str:
    """'; the floor pca has 0.1 ± 0.01', where the best of the floors is better on average than the best model."""
    floors = [row for row in reading.board.rows if row.label in reading.floors and row.label not in reading.partial]
    first = leader([best, *(row for row in floors if column.name in row.intervals)], column)
    return "" if first is best else f"; the floor {_name(first)} has {format_interval(first.intervals[column.name])}"


def _percent(share: float) -> str:
    """'81%'; 100% only of all."""
    return f"{100 if share == 1 else min(100 * share, 99):.0f}%"


def _name(row: Row) -> str:
    return clipped(row.label, MOST_LETTERS)


def leader(rows: Sequence[Row], column: Column) -> Row:
    """The row that is best on average."""
    sign = -1 if column.info.direction == "max" else 1
    return min(rows, key=lambda row: sign * row.intervals[column.name].mean)


def _ties(others: Sequence[str]) -> str:
    if not others:
        return ""
    few = len(others) <= MOST_NAMES
    return f", not told apart from {_either(others) if few else f'{len(others)} others'}"


def _either(names: Sequence[str]) -> str:
    """'a', 'a or b', 'a, b or c'."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _ahead(reading: Reading, rows: Sequence[Row], best: Row, column: Column) -> str:
    """A row that is better on average, and is not compared."""
    first = leader(rows, column)
    n = len(first.values[column.name])
    if first.label in reading.partial:
        seeds = f"the {counted(n, 'seed')} that reach it"
    elif n < MARK_SEEDS:
        seeds = f"{counted(n, 'seed')}, too few"
    else:
        seeds = f"its {n} seeds, not with those that all rows share"
    return "" if first is best else f" ({_name(first)} is ahead with {seeds})"


def _elsewhere(answer: Answer, chosen: Reading) -> str:
    """Where the curves cross: levels at which another model is told to be best in what the first verdict is on."""
    ranked = [c for c in chosen.board.columns if c.info.direction != "none" and chosen.board.ties.get(c.name)]
    if not ranked:
        return ""
    column, found = ranked[0], []
    now = leader([row for row in chosen.ranked if row.label in chosen.board.ties[column.name]], column)
    for reading in answer.readings:
        tied = reading.board.ties.get(column.name) if reading.column is chosen.column else None
        if tied and now.label not in tied and not reading.price.is_range:
            best = leader([row for row in reading.ranked if row.label in tied], column)
            reached = any(row.label == now.label and row.n_done for row in reading.ranked)
            found += [f"at {level(reading)} {_name(best)} {column.info.answer}"] if reached else []
    return f". Curves cross: {', '.join(found)}" if found else ""


def _rest(reading: Reading) -> str:
    """Who is not in the sentence, and what is not alike."""
    missing = [row.label for row in reading.ranked if not row.n_done]
    some = 0 < len(missing) < len(reading.ranked)
    told = f" {lacking(reading)}: {listed(missing)}." if some else ""
    return f".{told}{native(reading.source)}"


def lacking(reading: Reading) -> str:
    """What is said of rows that cannot be read at a price; at one that is a quality, they may be better anywhere."""
    return "Not reached" if reading.column.info.direction == "none" else "No setting there"


def native(board: Board) -> str:
    """What is not alike on a board; "" where everything is."""
    told = " Sizes and steps are each model's own; `--settings matched` makes them alike, and sweeps the sparsity."
    return told if board.settings == "native" else ""


def wary(reading: Reading) -> list[str]:
    """What a reader of a reading should know of its curves, one sentence each."""
    return [*wary_at(reading), *wary_of_curves(reading)]


def wary_at(reading: Reading) -> list[str]:
    """What of it depends on the level."""
    name = reading.column.info.label
    pairs = list(zip(reading.board.rows, reading.sweeps, strict=True))
    n = len(reading.source.seeds)
    some = [(f"{row.label} ({row.n_done}/{n})", row.label in reading.partial) for row, _ in pairs if _some(row, n)]
    lost = [f"{row.label} ({_reach(sweep, reading)})" for row, sweep in pairs if not row.n_done]
    wide = [f"{sweep.label} ({gap})" for row, sweep in pairs if row.n_done and (gap := _gap(sweep, reading.price))]
    said = {
        f"{lacking(reading)}, {name} from the lowest to the highest of their means": lost,
        "Reached by some seeds, the mean is of these": [words for words, partial in some if not partial],
        "Not ranked, as only the better or the worse of their seeds reach it": [
            words for words, partial in some if partial
        ],
        f"Read between settings that are far apart in {name}": wide,
    }
    return _lines(said)


def wary_of_curves(reading: Reading) -> list[str]:
    """What of it is so at every level of the price."""
    name = reading.column.info.label
    pairs = list(zip(reading.board.rows, reading.sweeps, strict=True))
    alone = [row.label for row, sweep in pairs if len(sweep.rows) == 1]
    folded = [f"{s.label} ({s.field})" for s in reading.sweeps if _folds(s, reading.price.metric)]
    bought = next((c for c in reading.source.columns if c.info.against == reading.price.metric and c.info.answer), None)
    better = f"a better {bought.info.label}" if bought else ""
    back = [s.label for s in reading.sweeps if bought and _gets_worse(s, bought, reading.price.metric)]
    settings = [
        f"{row.label} {_settings(row)}" for row, s in pairs if s.field and row.label == row.model and row.variant
    ]
    unlike = [c.header for c in reading.board.columns if c.info.against and c.info.direction != "none"]
    order = f"{name} does not rise or fall steadily with what is swept, so settings are read in the order of {name}"
    said = {
        "One setting, so no curve: read only where it stands": [] if len(alone) == len(pairs) > 1 else alone,
        order: folded,
        "All settings of these have something other than the default": settings,
        f"For some models, more {name} does not always mean {better}": back,
        "Not ranked, as it is bought with what is not alike here": unlike,
    }
    none = ["No row has a curve: each is one setting, and read only where it stands."]
    return [*(none if len(alone) == len(pairs) > 1 else ()), *_lines(said)]


def _lines(said: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{words}: {listed(labels)}." for words, labels in said.items() if labels]


def _settings(row: Row) -> str:
    return " ".join(f"{name}={value}" for name, value in row.variant.items())


def _some(row: Row, n_seeds: int) -> bool:
    return not row.deterministic and not row.imported and 0 < row.n_done < n_seeds


def _paid(sweep: Sweep, price: str) -> list[float]:
    return [row.intervals[price].mean for row in sweep.rows if price in row.intervals]


def _gap(sweep: Sweep, price: Price) -> str:
    """The widest stretch without a setting that a curve is read in, "2.01 to 122"; "" if none is wide."""
    paid = sorted(value for value in _paid(sweep, price.metric) if value > 0)
    read_in = [(a, b) for a, b in pairwise(paid) if a * NEAR < price.high and price.low * NEAR < b and b > FAR * a]
    low, high = max(read_in, key=lambda gap: gap[1] / gap[0], default=(0.0, 0.0))
    return _ends([low, high]) if high else ""


def _reach(sweep: Sweep, reading: Reading) -> str:
    return _ends(_paid(sweep, reading.price.metric))


def _ends(paid: Sequence[float]) -> str:
    """The lowest and the highest, '2.012 to 1,023', as the board writes numbers; one where they are alike."""
    ends = (min(paid), max(paid)) if paid else ()
    return " to ".join(dict.fromkeys(map(format_number, ends))) or "none measured"


def _folds(sweep: Sweep, price: str) -> bool:
    """Whether the price turns back along the sweep, on average over seeds."""
    paid = _paid(sweep, price)
    return paid not in (sorted(paid), sorted(paid, reverse=True))


def _gets_worse(sweep: Sweep, bought: Column, price: str) -> bool:
    """Whether what is bought with the price gets worse somewhere as more is paid, on average over seeds."""
    rows = [row for row in sweep.rows if price in row.intervals and bought.name in row.intervals]
    rows.sort(key=lambda row: row.intervals[price].mean)
    sign = 1 if bought.info.direction == "max" else -1
    gains = [sign * row.intervals[bought.name].mean for row in rows if math.isfinite(row.intervals[bought.name].mean)]
    return gains != sorted(gains)
