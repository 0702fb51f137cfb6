from __future__ import annotations

import math
from typing import Any

import pytest

from slurm.errors import SlurmUnavailable
from slurm.offers import Partition, misfits, parse_partitions, partitions, refusals
from slurm.profile import Profile
from tests.slurm.testcluster import Cluster

# The first four rows: SLURM 22.05. The others: partitions of two kinds of nodes, and their limits and GPUs.
SINFO = """\
test*|up|infinite|3|4|4000|gpu:2
nograce|up|infinite|3|4|4000|gpu:2
hi|up|infinite|3|4|4000|gpu:2
short|up|2:00|3|4|4000|gpu:2
mixed|up|1-02:30:00|10|64|256000|(null)
mixed|up|1-02:30:00|2|32|512000|gpu:a100:4(S:0-1),gpu:v100:2(S:0),mps:400
night|drain|8:00:00|0|0|0|(null)
"""
OFFERED = parse_partitions(SINFO)


def test_reads_what_sinfo_says() -> None:
    assert len(OFFERED) == 6
    assert OFFERED[0] == Partition("test", True, "up", 3, 4, 4000 / 1024, 2, math.inf)
    assert OFFERED[3] == Partition("short", False, "up", 3, 4, 4000 / 1024, 2, 2)
    assert OFFERED[4] == Partition("mixed", False, "up", 12, 64, 500, 6, 1590)
    assert OFFERED[5] == Partition("night", False, "drain", 0, 0, 0, 0, 480)


FITTING = {"cpus": 4, "memory_gb": 3.9, "gpus": 2, "minutes": 10**6}


@pytest.mark.parametrize(
    ("partition", "fields"),
    [(None, FITTING), ("test", FITTING), ("short,mixed", {"cpus": 64, "memory_gb": 500, "minutes": 1590})],
)
def test_what_fits_the_largest_node(partition: str | None, fields: dict[str, Any]) -> None:
    assert misfits(Profile(**fields), partition, OFFERED) == []


@pytest.mark.parametrize(
    ("partition", "fields", "sentences"),
    [
        (
            "tset",
            {},
            ["partition = 'tset': unknown. Did you mean 'test'? Valid: test, nograce, hi, short, mixed, night."],
        ),
        ("xyz", {}, ["partition = 'xyz': unknown. Valid: test, nograce, hi, short, mixed, night."]),
        ("short", {"minutes": 600, "memory_gb": 1}, ["minutes = 600: partition short allows 2."]),
        (
            "test,hi",
            {"cpus": 8, "memory_gb": 4},
            [
                "cpus = 8: partition test has nodes of at most 4, partition hi has nodes of at most 4.",
                "memory_gb = 4: partition test has nodes of at most 3.9, partition hi has nodes of at most 3.9.",
            ],
        ),
        ("test", {"gpus": 3, "memory_gb": 1}, ["gpus = 3: partition test has nodes of at most 2."]),
    ],
)
def test_says_what_does_not_fit(partition: str, fields: dict[str, Any], sentences: list[str]) -> None:
    assert misfits(Profile(**fields), partition, OFFERED) == sentences


def test_no_partition_and_no_default() -> None:
    (sentence,) = misfits(Profile(), None, OFFERED[1:3])
    assert sentence == "partition is not given, and this cluster has no default. Valid: nograce, hi."


def test_without_slurm(no_slurm: None) -> None:
    with pytest.raises(SlurmUnavailable, match="sinfo is not found"):
        refusals(Profile())


@pytest.mark.cluster
def test_partitions_of_the_cluster(cluster: Cluster) -> None:
    assert {offer.name: offer for offer in partitions()}["test"] == OFFERED[0]


SMALL: dict[str, Any] = {"memory_gb": 0.1, "minutes": 5}


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"partition": "short"}, "minutes = 5: partition short allows 2."),
        ({"constraint": "a100"}, "sbatch refuses: Invalid feature specification. Change constraint"),
        ({"sbatch": {"reservation": "x"}}, "sbatch refuses: Requested reservation is invalid."),
        ({"sbatch": {"no-such": "x"}}, "sbatch refuses: unrecognized option '--no-such=x'"),
    ],
)
def test_what_the_cluster_refuses(cluster: Cluster, fields: dict[str, Any], start: str) -> None:
    (sentence,) = refusals(Profile(**SMALL, **fields))
    assert sentence.startswith(start)


@pytest.mark.cluster
def test_what_the_cluster_takes(cluster: Cluster) -> None:
    assert refusals(Profile(**SMALL)) == []
    assert refusals(Profile(**SMALL, partition="hi", gpus=2, setup=("true",))) == []


@pytest.mark.parametrize(
    "odd",
    [
        "Maintenance on Friday\n",
        "test|up|infinite|3|4|4000\n",
        "test|up|infinite|3|four|4000|gpu:2\n",
        "test|up|for ever|3|4|4000|gpu:2\n",
        "\ufffd\n",
    ],
)
def test_what_is_no_row_of_sinfo_is_quoted(odd: str) -> None:
    with pytest.raises(SlurmUnavailable, match="sinfo answers with a line that is no row: '"):
        parse_partitions(SINFO + odd)


def test_no_partition_at_all_is_no_answer() -> None:
    with pytest.raises(SlurmUnavailable, match="no partition"):
        parse_partitions("")
