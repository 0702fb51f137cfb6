from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm.errors import SlurmError
from slurm.worker import Payload, Stop, describe
from tests.slurm.jobs import WORK, told

SIGNALS = (signal.SIGUSR2, signal.SIGTERM, signal.SIGCONT)


@pytest.fixture(autouse=True)
def _own_handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put pytest's handlers back, and leave the job that pytest itself may be in."""
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_warning_leaves_the_delay_less_what_queueing_again_takes() -> None:
    stop = Stop(minutes=60, signal_delay=120)
    stop.install()
    assert not stop.requested()
    assert stop.grace == 90
    os.kill(os.getpid(), signal.SIGUSR2)
    assert stop.requested()
    assert not stop.terminated
    assert stop.grace == 90
    assert not stop.timed_out, "an hour has not passed: a preemption"


def test_the_end_leaves_seconds() -> None:
    stop = Stop(minutes=60, signal_delay=120)
    stop.install()
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.requested()
    assert stop.terminated
    assert stop.grace == 4
    assert not stop.timed_out


def test_the_end_after_a_warning_cuts_the_grace() -> None:
    stop = Stop(minutes=60, signal_delay=120)
    stop.install()
    os.kill(os.getpid(), signal.SIGUSR2)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)
    assert 4.2 <= stop.grace < 6
    assert stop.terminated


def test_a_warning_late_in_the_job_is_the_time_limit() -> None:
    stop = Stop(minutes=3, signal_delay=120)  # which may come at once: 180 - 120 - 60 = 0
    stop.install()
    os.kill(os.getpid(), signal.SIGUSR2)
    assert stop.timed_out


def test_a_short_delay_has_a_short_margin() -> None:
    assert Stop(minutes=1, signal_delay=8).grace == 6


def test_the_payload_is_pickled_by_reference() -> None:
    payload = Payload(WORK, "/results", ("a", "b"), 60, 120)
    assert pickle.loads(pickle.dumps(payload)) == payload
    assert b"slurm.worker" in pickle.dumps(payload)


def test_calls_the_function(results: Path) -> None:
    assert Payload(WORK, str(results), ("a", "b"), 60, 120)() is True
    assert told(results) == [{"runs": ["a", "b"]}]


def test_a_folder_that_is_not_shared(tmp_path: Path) -> None:
    with pytest.raises(SlurmError, match=f"The results folder '{tmp_path}' is not shared with node .*: it has no subm"):
        Payload("no.such.module:function", str(tmp_path), ("a",), 60, 120)()


def test_a_warning_before_our_handlers_queues_the_same_again() -> None:
    payload = Payload(WORK, "/results", ("a",), 60, 120)
    assert payload.checkpoint().function is payload


def test_describes_an_element_of_an_array(monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe() == {}
    element = {"SLURM_JOB_ID": "15", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "3"}
    for name, value in (element | {"SLURM_JOB_NAME": "x-0", "SLURM_RESTART_COUNT": "2"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    assert describe() == {"job": "12_3", "name": "x-0", "index": 3, "node": "n1", "restarts": 2}


def test_a_job_without_an_array_is_index_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "15")
    assert (describe()["job"], describe()["index"], describe()["restarts"]) == ("15", 0, 0)
