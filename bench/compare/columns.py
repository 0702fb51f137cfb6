"""The columns of boards, as the runs describe their metrics, else as this package does."""

from __future__ import annotations

from collections.abc import Sequence, Set
from contextlib import suppress

from bench.compare.boards import Column
from bench.errors import BenchError, first_line
from bench.plugins.plugin import Plugin
from bench.plugins.registry import METRIC_REGISTRY
from bench.store.record import Record, metric_of
from bench.store.runs import RunStore
from metrics.base import MetricInfo

PLAIN = {
    "unit": "", "headline": False, "given": "", "against": "", "price": False, "answer": "", "caution": "",
    "caution_above": 1.0,
}  # fmt: skip
"""What a declaration that does not mention it means."""


def columns(records: Sequence[Record], store: RunStore) -> list[Column]:
    """A column per metric of which some record has a number or an error; built-in metrics first, in their order.

    The newest run that has a metric says how to read it. If no run says so (runs of schema 1), a built-in metric is
    imported to say it; the code of a plug-in is never imported. What nobody says is left out: see `left_out`.
    """
    newest = _newest_of_each(records)
    infos: dict[str, MetricInfo] = {}
    for record in {record.run_id: record for record in newest.values()}.values():
        if newest.keys() - infos.keys():
            entries = store.folder(record.run_id).legend().metrics
            infos |= {
                name: entry.info
                for name, entry in entries.items()
                if name in newest and name not in infos and _agrees(name, entry.info)
            }
    infos |= _of_this_package(newest.keys() - infos.keys())
    order = [*METRIC_REGISTRY.builtins, *sorted(infos.keys() - METRIC_REGISTRY.builtins.keys())]
    return [Column(name, infos[name]) for name in order if name in infos]


def left_out(records: Sequence[Record], store: RunStore) -> dict[str, str]:
    """Metrics that some record has, and that are no columns, with the reason."""
    shown = {column.name for column in columns(records, store)}
    return {name: _why_left_out(name) for name in sorted(_newest_of_each(records).keys() - shown)}


def _why_left_out(name: str) -> str:
    if name not in METRIC_REGISTRY.builtins:
        return "no run says how to read it; `python -m bench evaluate` with its file makes it again"
    try:
        _load(name)
    except BenchError as error:
        return first_line(str(error).splitlines()[-1])
    return "the runs read it in another way than this version"


def _agrees(name: str, info: MetricInfo) -> bool:
    """Whether a run reads a built-in metric as this package does: a stranger's legend does not turn a board round."""
    if name not in METRIC_REGISTRY.builtins:
        return True
    declared = Plugin(name, METRIC_REGISTRY.builtins[name], True).declared()
    stated = {word: declared.get(word, plain) for word, plain in PLAIN.items()} | declared
    return all(getattr(info, word) == value for word, value in stated.items() if hasattr(info, word))


def _of_this_package(names: Set[str]) -> dict[str, MetricInfo]:
    """What the built-in metrics among these names mean, of those that can be imported."""
    infos = {}
    for name in METRIC_REGISTRY.builtins:
        if name in names:
            with suppress(BenchError):
                infos[name] = _load(name)
    return infos


def _load(name: str) -> MetricInfo:
    from bench.plugins.loading import load_metric  # imports torch, which no other part of a board needs

    return load_metric(Plugin(name, METRIC_REGISTRY.builtins[name], True)).info


def _newest_of_each(records: Sequence[Record]) -> dict[str, Record]:
    """Metric, without the key of a single number -> the newest record that has it."""
    alike: dict[tuple[str, ...], Record] = {}  # runs of one kind have the same metrics: each set is looked at once
    for record in sorted(records, key=lambda record: record.provenance.end):
        alike[*record.metrics, *record.metric_errors] = record
    in_order = sorted(alike.items(), key=lambda item: item[1].provenance.end)
    return {metric_of(name): record for names, record in in_order for name in names}
