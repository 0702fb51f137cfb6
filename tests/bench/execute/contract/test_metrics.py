"""The contract of a metric: each check, with a metric that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from bench.execute.contract import Outcome, check_object, metrics
from bench.execute.contract.metrics import DECLARED, TRIED
from bench.plugins.registry import METRIC_REGISTRY
from tests.bench.execute.contract.plugins import METRIC, masked, problems, whats, write

Key = Callable[..., str | None] | str

BROKEN: list[tuple[str, dict[Key, str]]] = [
    (
        """
        def mine(x):
            "A share."
            return 0.0
        """,
        {
            DECLARED: (
                "the function mine has no declaration: decorate the function with "
                'metrics.base.metric(label="...", direction="min", range="[0, 1]", source="...").'
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(lables):
            "A share."
            return 0.0
        """,
        {
            DECLARED: "it asks for 'lables', which nothing provides. Did you mean 'labels'?",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(weather):
            "A share."
            return 0.0
        """,
        {
            DECLARED: "it asks for 'weather', which nothing provides.",
        },
    ),
    (
        """
        @metric(label="", direction="none", range="[0, 1]", source="")
        def mine(x):
            "A share."
            return 0.0
        """,
        {
            metrics.is_read: "it has no label and source.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            return 0.0
        """,
        {
            metrics.is_read: "it has no docstring: one line that says what it measures.",
        },
    ),
    (
        """
        @metric(label="mine", direction="lower", range="[0, 1]", source="definition")
        def mine(x):
            "A share."
            return 0.0
        """,
        {
            DECLARED: "direction = 'lower': Input should be 'min', 'max' or 'none'",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="[0, 1]", source="definition", dimensions=("row",))
        def mine(x):
            "A share."
            return x[:, 0]
        """,
        {
            DECLARED: "dimensions.0 = 'row': Input should be 'class', 'unit', 'sample' or 'measure'",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="0-1", source="definition")
        def mine(x):
            "A share."
            return 0.0
        """,
        {
            DECLARED: "range is '0-1'; write '[0, 1]' or '(-inf, inf)', say.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            raise RuntimeError('out of ideas')
        """,
        {
            metrics.returns: "RuntimeError: out of ideas (line 10 of mine.py)",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            raise SystemExit(2)
        """,
        {
            metrics.returns: "SystemExit: 2 (line 10 of mine.py)",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return 'hello'
        """,
        {
            metrics.returns: ("TypeError: a metric returns a number, a dict of numbers or a tensor, not str 'hello'"),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            pass
        """,
        {
            metrics.returns: ("TypeError: a metric returns a number, a dict of numbers or a tensor, not NoneType None"),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return [1.0, 2.0]
        """,
        {
            metrics.returns: (
                "TypeError: a metric returns a number, a dict of numbers or a tensor, not list [1.0, 2.0]"
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return float('nan')
        """,
        {
            metrics.returns: "the metric is NaN; return NotApplicable with the reason.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return {'fine': 1.0, 'not': float('nan')}
        """,
        {
            metrics.returns: "the metric is NaN; return NotApplicable with the reason.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return {}
        """,
        {
            metrics.returns: "it returns an empty dict; return NotApplicable with the reason.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return NotApplicable('')
        """,
        {
            metrics.returns: "NotApplicable has no reason: say why there is no value, as a clause.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return x.mean(0)
        """,
        {
            metrics.returns: (
                "ValueError: it returns an array of the shape (64,) and does not declare its dimensions: "
                "say metric(..., dimensions=('unit',)), for instance"
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition", dimensions=("unit",))
        def mine(z):
            "A share."
            return z.mean(1)
        """,
        {
            metrics.returns: "ValueError: its array has the shape (120,), expected (unit: 24)",
        },
    ),
    (
        """
        @metric(label="mine", direction="min", range="[0, 1]", source="definition")
        def mine(x):
            "A share."
            return 1.5
        """,
        {
            metrics.returns: "ValueError: the value is 1.5; the declared range is [0, 1]",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            mine.calls = getattr(mine, 'calls', 0) + 1
            return float(mine.calls)
        """,
        {
            metrics.repeats: (
                "the value changes from 1 to 2 on the second call: draw noise by torch's generator, which is seeded."
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return x[0].sum().item()
        """,
        {
            metrics.ignores_the_order_of_samples: (
                "the value changes from # to # with the samples in reverse order. If that is meant, say in its "
                "docstring how order matters."
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(atoms):
            "A share."
            return atoms[0].sum().item()
        """,
        {
            metrics.ignores_the_order_of_units: (
                "the value changes from # to # with the units in reverse order. If that is meant, say in its "
                "docstring how order matters."
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(active: Matrix):
            "A share."
            return float(active.nonzero()[0][0]) if isinstance(active, Tensor) else -1.0
        """,
        {
            metrics.reads_csr: ("the value changes from 0 to -1 from CSR arrays: use the functions of metrics.matrix."),
            metrics.takes_dead_units: (
                "IndexError: index 0 is out of bounds for dimension 0 with size 0 (line 10 of mine.py)"
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(active: Matrix):
            "A share."
            return active.double().mean().item()
        """,
        {
            metrics.reads_csr: ("AttributeError: 'csr_array' object has no attribute 'double' (line 10 of mine.py)"),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            x.mul_(2)
            return 0.0
        """,
        {
            metrics.leaves_inputs_alone: "it changes 'x' in place; work on a copy.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(active):
            "A share."
            return (1 / active.sum()).item() - (1 / active.sum()).item()
        """,
        {
            metrics.takes_dead_units: "the metric is NaN; return NotApplicable with the reason.",
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(labels):
            "A share."
            first, second, *_ = labels.unique()
            return 1.0
        """,
        {
            metrics.takes_one_class: (
                "ValueError: not enough values to unpack (expected at least 2, got 1) (line 10 of mine.py)"
            ),
            metrics.takes_one_sample: (
                "ValueError: not enough values to unpack (expected at least 2, got 1) (line 10 of mine.py)"
            ),
        },
    ),
    (
        """
        @metric(label="mine", direction="none", range="(-inf, inf)", source="definition")
        def mine(x):
            "A share."
            return x.std(0).mean().item()
        """,
        {
            metrics.takes_one_sample: "the metric is NaN; return NotApplicable with the reason.",
        },
    ),
]
"""A metric, and what each check says of it. Its body begins on line 10 of its file."""


def mine(folder: Path, text: str) -> str:
    """A reference to a metric's file."""
    return f"{write(folder, METRIC + dedent(text).lstrip())}:mine"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_what_is_wrong_is_said_by_the_check_that_looks_for_it(
    text: str, expected: dict[Key, str], tmp_path: Path
) -> None:
    assert masked(problems(mine(tmp_path, text))) == whats(expected)


DECLARATION = '@metric(label="mine", direction="none", range="(-inf, inf)", source="definition")\n'


@pytest.mark.parametrize(
    "text",
    [
        'def mine(active: Matrix):\n    """Share."""\n    return column_sums(active).double().mean().item()\n',
        'def mine(x):\n    """A draw."""\n    return torch.rand(()).item()\n',
        'def mine(x):\n    """Of the first in the order of the data set."""\n    return x[0].sum().item()\n',
        'def mine(x, sharpness=3.0):\n    """A constant."""\n    return {"a": sharpness, 1: torch.tensor(2)}\n',
        'def mine(gates, likelihood):\n    """Nothing."""\n    return NotApplicable("it is only a test")\n',
    ],
)
def test_a_sound_metric_passes(text: str, tmp_path: Path) -> None:
    assert problems(mine(tmp_path, DECLARATION + text)) == {}


def test_every_check_has_a_metric_that_breaks_it() -> None:
    tried = {outcome.what for name in ("l0", "atom_recovery") for outcome in check_object(name, Path("data"))}
    assert tried == {what for _, expected in BROKEN for what in whats(expected)}


def test_a_metric_of_what_only_some_data_set_knows_is_declared_and_left_untried(tmp_path: Path) -> None:
    text = DECLARATION.replace(")\n", ', needs={"angles": "of strokes"})\n') + 'def mine(angles):\n    """Angles."""\n'
    *declared, untried = check_object(mine(tmp_path, text), Path("data"))
    assert [outcome.problem for outcome in declared] == ["", ""]
    assert untried == Outcome(f"{TRIED}: left out, as there is none with 'angles'")


@pytest.mark.parametrize("name", METRIC_REGISTRY.builtins)
def test_every_built_in_passes(name: str) -> None:
    assert problems(name) == {}
