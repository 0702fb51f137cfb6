"""JSON with an indent is what the standard library writes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from bench.indented import indented

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.integers(), inner)
    ),
)


@given(VALUES)
def test_it_is_the_text_of_the_standard_library(value: object) -> None:
    assert indented(value) == json.dumps(value, indent=1, allow_nan=False)


@given(st.lists(VALUES))
def test_an_iterator_is_a_list(values: list[object]) -> None:
    assert indented({"boards": iter(values)}) == json.dumps({"boards": values}, indent=1, allow_nan=False)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_json_is_an_error(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        indented({"a": [number]})
