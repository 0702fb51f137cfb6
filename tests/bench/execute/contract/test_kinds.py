"""What kind of object a reference names, and what is said of one that is of no kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.execute.contract import check_object
from tests.bench.execute.contract.plugins import write

VALID = (
    "What can be checked is a model (a subclass of models.base.Model), a metric (a function decorated with "
    "metrics.base.metric) or a data set (a subclass of bench.datasets.base.DatasetSource)."
)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("from torch import nn\nclass Mine(nn.Linear): pass\n", "the class Mine(Linear)"),
        ("class Mine: pass\n", "the class Mine(object)"),
        ("Mine = 3\n", "an object of the class int"),
        ("from bench.datasets.digits import Digits\nMine = Digits()\n", "an object of the class Digits"),
    ],
)
def test_anything_else_is_named_with_what_is_valid(text: str, description: str, tmp_path: Path) -> None:
    reference = f"{write(tmp_path, text)}:Mine"
    with pytest.raises(BenchError) as caught:
        check_object(reference, Path("data"))
    assert str(caught.value) == f"'{reference}' is {description}. {VALID}"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("fvuu", "Unknown model, metric or data set 'fvuu'. Did you mean 'fvu'?"),
        ("digts", "Unknown model, metric or data set 'digts'. Did you mean 'digits'?"),
        ("absent.py:Mine", "No file 'absent.py' for the plug-in 'absent.py:Mine'; give its path from here."),
        ("models.topk:Topk", "Unknown object 'Topk'. Did you mean 'TopK'?"),
    ],
)
def test_what_is_not_there_is_named(reference: str, message: str) -> None:
    with pytest.raises(BenchError) as caught:
        check_object(reference, Path("data"))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("reference", ["fvu", "metrics.reconstruction:fvu", "bench.datasets.digits:Digits"])
def test_a_name_and_a_module_are_references_too(reference: str) -> None:
    outcomes = check_object(reference, Path("data"))
    assert len(outcomes) > 5
    assert not [outcome for outcome in outcomes if outcome.problem]
