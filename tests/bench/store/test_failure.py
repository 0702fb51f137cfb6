"""Records of runs that came to no result, whatever it was that they raised."""

from __future__ import annotations

import pytest

from bench.store.failure import ended_record, failed_record, may_pass
from bench.store.record import ClusterJob, Record
from tests.bench.store.helpers import spec_of


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def raised(error: BaseException) -> Record:
    try:
        raise error
    except BaseException as caught:
        return failed_record(spec_of(), caught)


def test_a_failure_says_what_was_raised_and_where() -> None:
    record = raised(ValueError("k is 5"))
    assert record.run_id == spec_of().run_id
    assert record.status == "failed"
    assert record.error is not None
    assert (record.error.type, record.error.message) == ("ValueError", "k is 5")
    assert "raise error" in record.error.traceback
    assert "ValueError: k is 5" in record.error.traceback


def test_an_error_that_cannot_be_printed_is_recorded() -> None:
    error = raised(Unprintable()).error
    assert error is not None
    assert (error.type, error.message) == ("Unprintable", "(its message cannot be printed)")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("k is 5"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (OSError(28, "No space left on device"), True),
        (FileNotFoundError("data.npz"), True),
        (MemoryError(), True),
        (ModuleNotFoundError("No module named 'sae'"), True),
        (RuntimeError("CUDA error: unspecified launch failure"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), True),
    ],
)
def test_what_a_second_try_can_mend(error: Exception, expected: bool) -> None:
    assert may_pass(raised(error)) == expected
    assert may_pass(ended_record(spec_of(), error, "timeout", None))


def test_a_message_that_is_no_text_can_be_stored() -> None:
    record = raised(ValueError("lone \udcff"))
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_run_that_was_ended_from_outside_says_by_whom_and_when() -> None:
    record = ended_record(spec_of(), RuntimeError("cancelled"), "cancelled", ClusterJob(submission="a"))
    assert record.status == "cancelled"
    assert record.provenance.submission == "a"
    assert record.provenance.end
    assert record.provenance.software is None
