"""What the user asks for: parsing, study files, and every way to get them wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.plan.request import Override, Request, parse_assignment, read_mapping, read_study


@pytest.mark.parametrize(("text", "expected"), [("2", (0, 1)), ("0,5,7", (0, 5, 7)), (3, (0, 1, 2)), ([4, 9], (4, 9))])
def test_seeds(text: Any, expected: tuple[int, ...]) -> None:
    assert Request.build(seeds=text).seeds == expected


def test_names_are_split_at_commas() -> None:
    request = Request.build(models="topk, mp,", datasets=["digits"], metrics="all,file.py:mine")
    assert request.models == ("topk", "mp")
    assert request.datasets == ("digits",)
    assert request.metrics == ("all", "file.py:mine")


def test_every_metric_is_measured_unless_some_are_named() -> None:
    assert Request().metrics == ("all",)
    assert Request.build(metrics="fvu,l0").metrics == ("fvu", "l0")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"models": "topk", "set": ["k"]}, ["--set 'k'", "MODEL.FIELD=VALUE"]),
        ({"seeds": "zero"}, ["seeds = 'zero'", "0,1,2"]),
        ({"seeds": "0"}, ["seeds = '0'", "at least 1"]),
        ({"seeds": "-1,2"}, ["seeds"]),
        ({"budget": "huge"}, ["budget = 'huge'", "smoke, quick, full"]),
        ({"settings": "paired"}, ["settings", "'native' or 'matched'"]),
        ({"models": ""}, ["models", "at least one"]),
        ({"metrics": ""}, ["metrics", "at least one"]),
        ({"dataset": "mnist"}, ["dataset", "Did you mean 'datasets'"]),
        ({"datasets": {"acts.npy": {"normalize": "rms"}}}, ["datasets = {'acts", "list of names", ":normalise=rms"]),
        ({"datasets": [{"acts.npy:normalise": "rms"}]}, ["list of names", "as in acts.npy:normalise=rms"]),
        ({"models": 3}, ["models = 3", "give a list of names"]),
        ({"metric": "fvu"}, ["metric", "Did you mean 'metrics'"]),
        ({"seeds": 2.5}, ["seeds = 2.5"]),
        ({"seeds": True}, ["seeds = True"]),
        ({"set": None}, ["set = None", "MODEL.FIELD"]),
        ({"set": {1: 2}}, ["set", "MODEL.FIELD"]),
        ({"set": ["topk.k=8", "k=3", "topk.k=[16]"]}, ["topk.k is given twice; for a grid give topk.k=[8, 16]"]),
        ({"budget": ["smoke"]}, ["budget = ['smoke']"]),
        ({"models": "topk", "set": ["topk.k=" + "[" * 5000]}, ["YAML"]),
        ({"max_runs": True}, ["max_runs = True", "give a number, not true or false"]),
    ],
)
def test_bad_input_is_one_clear_message(keys: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BenchError) as caught:
        Request.build(**keys)
    for word in words:
        assert word in str(caught.value)


def test_study_files(tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("models: [topk, mp]\nmetrics: fvu\nseeds: [3]\nset:\n  topk.k: [2, 4]\n", encoding="utf-8")
    request = Request.build(**read_study(study))
    assert (request.models, request.metrics, request.seeds) == (("topk", "mp"), ("fvu",), (3,))
    assert request.set == (Override("topk", "k", (2, 4)),)
    study.write_text("- just\n- a list\n", encoding="utf-8")
    with pytest.raises(BenchError, match="not a mapping"):
        read_study(study)
    with pytest.raises(BenchError, match="cannot be read"):
        read_study(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models: topk\nseeds: 1\nmodels: mp\n", "line 3: the key 'models' stands twice, first in line 1"),
        ("set:\n  topk.k: 2\n  mp.k: 3\n  topk.k: 4\n", "line 4: the key 'topk.k' stands twice, first in line 2"),
        ("set: {k: 2, 'k': 3}\n", "line 1: the key 'k' stands twice"),
        ("models: topk\n1: mp\n", "line 2: the key 1 is no word"),
        ("set:\n  true: 2\n", "line 2: the key True is no word"),
        ("? [models]\n: topk\n", "line 1: the key ['models'] is no word"),
        ("models: &a [topk]\ndatasets: *a\n", "a reference (*a) stands in it"),
    ],
)
def test_a_study_file_that_says_two_things_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BenchError, match=r"The study '.*study.yaml' cannot be read: ") as caught:
        read_study(tmp_path / "study.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("2E5", 200000.0),
        ("-.5", -0.5),
        ("+3", 3),
        (".inf", float("inf")),
        ("true", True),
        ("~", None),
        *((word, word) for word in ("on", "off", "yes", "no", "N", "1:30", "010", "0x10", "1_000", "2026-01-31", "<<")),
    ],
)
def test_plain_words_mean_what_they_look_like(text: str, value: Any) -> None:
    (found,) = parse_assignment(f"x={text}").values
    assert found == value
    assert type(found) is type(value)


def test_a_file_without_content_may_stand_for_no_keys(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing yet\n", encoding="utf-8")
    assert read_mapping(tmp_path / "empty.yaml", "profile", "x", empty={}) == {}
    with pytest.raises(BenchError, match="not a mapping"):
        read_study(tmp_path / "empty.yaml")


def test_assignment_values_are_yaml() -> None:
    assert parse_assignment("vsc.alpha=0.1") == ("vsc", "alpha", (0.1,))
    assert parse_assignment("k=[4, 8]") == (None, "k", (4, 8))
    assert parse_assignment("MySAE.name=a=b") == ("MySAE", "name", ("a=b",))
