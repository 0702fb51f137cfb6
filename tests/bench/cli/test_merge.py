"""Two labs, one board: folders of real runs, the second lab's from code that initialises models in another way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import bench.execute.build as build
from bench.execute.seeding import seed_everything
from bench.store.labs import read_labs
from bench.store.runs import RunStore
from tests.bench.cli.helpers import bench

RUN = ("run", "--models", "topk,mean", "--budget", "smoke", "--metrics", "fvu,l0,train_seconds")
NAME = "<b>Bob</b> & 'co'"


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `ann` (seeds 0, 1) and `bob` (1, 2): seed 1 of topk is in both, with other numbers; mean is alike."""
    root = tmp_path_factory.mktemp("labs")
    assert bench(*RUN, "--seeds", "0,1", "--results", str(root / "ann")).returncode == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "seed_everything", lambda seed, *words: seed_everything(seed, *words, "of another commit"))
        assert bench(*RUN, "--seeds", "1,2", "--results", str(root / "bob")).returncode == 0
    (root / "bob" / "lab.txt").write_text(f"{NAME}\n", encoding="utf-8")
    return root


@pytest.fixture
def copies(labs: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    for name in ("ann", "bob"):
        shutil.copytree(labs / name, tmp_path / name)
    return tmp_path


def merge(root: Path, *more: str, into: str = "both") -> tuple[int, str]:
    said = bench("merge", "ann", "bob", *more, "--into", into, cwd=root)
    assert "Traceback" not in said.stdout + said.stderr
    return said.returncode, said.stdout + said.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_collision_is_kept_as_rows_of_each_lab_and_what_is_alike_is_one_run(copies: Path) -> None:
    before = {path: path.read_bytes() for path in copies.rglob("*") if path.is_file()}
    code, words = merge(copies)
    assert code == 0, words
    assert "1 run with other numbers in another lab" in words
    assert "ann: 3 runs, 1 of them with the same numbers as another lab's; commit" in words
    store = RunStore(copies / "both")
    records = {(r.spec.model, r.spec.lab, r.spec.seed): r for r in store.scan().records}
    assert set(records) == {
        ("topk", "ann", 0),
        ("topk", "ann", 1),
        ("topk", NAME, 1),
        ("topk", NAME, 2),
        ("mean", "", 0),
    }
    for lab, folder in (("ann", "ann"), (NAME, "bob")):
        theirs = next(r for r in RunStore(copies / folder).scan().records if (r.spec.model, r.spec.seed) == ("topk", 1))
        assert records["topk", lab, 1].metrics == theirs.metrics
        (source,) = read_labs(store.root).runs[records["topk", lab, 1].run_id]
        assert (source.lab, source.run_id, source.digest) == (lab, theirs.run_id, theirs.digest)
        assert source.provenance == theirs.provenance
    mean = records["mean", "", 0].run_id
    assert contents(store.root / mean) == contents(copies / "ann" / mean), "bit for bit, as it was sealed"
    assert [source.lab for source in read_labs(store.root).runs[mean]] == ["ann", NAME]
    assert {path: path.read_bytes() for path in before} == before, "the labs' folders are as they were"


def test_what_is_merged_is_read_by_every_verb(copies: Path) -> None:
    assert merge(copies)[0] == 0
    results = ("--results", str(copies / "both"))
    assert "5 runs checked; 0 problems." in bench("verify", *results).stdout
    page = (copies / "both" / "report.html").read_text(encoding="utf-8")
    assert "Who ran what" in page
    assert "<b>Bob</b>" not in page, "a name is text"
    assert "&lt;b&gt;Bob&lt;/b&gt;" in page
    assert " (ann)" not in page[page.index("python -m bench run --models topk") :].partition("</code>")[0]
    assert "Who ran what" in bench("leaderboard", *results).stdout
    assert "topk (ann)" in bench("compare", "topk (ann)", f"topk ({NAME})", *results).stdout
    evaluated = bench("evaluate", "--metrics", "hoyer", *results)
    assert "5 runs evaluated" in evaluated.stdout, "weights are of the run's new id"


def test_a_merged_folder_is_merged_again_with_a_third(copies: Path) -> None:
    assert merge(copies)[0] == 0
    shutil.copytree(copies / "ann", copies / "eve")
    said = bench("merge", "both", "eve", "--into", "all", cwd=copies)
    assert said.returncode == 0, said.stderr
    found = {(r.spec.lab, r.spec.seed) for r in RunStore(copies / "all").scan().records if r.spec.model == "topk"}
    assert found == {("ann", 0), ("ann", 1), (NAME, 1), (NAME, 2), ("eve", 0), ("eve", 1)}
    assert read_labs(copies / "all").names == ["ann", NAME, "eve"]


def edit(root: Path, change: Callable[[dict[str, object]], object]) -> str:
    """Change a record of bob's by hand; its run id."""
    path = next((root / "bob").glob("topk-*-s2-*/record.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path.parent.name


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record["metrics"].update(fvu=0.01), "changed after it was written"),
        (lambda record: record.update(schema_version=99), "schema 99"),
        (lambda record: record.update(schema_version=1, digest=""), "schema 1, without a digest"),
        (lambda record: record["files"].update({"../../ann/lab.txt": "0"}), "changed after it was written"),
        (lambda record: record.update(run_id="../x"), "the record of another run"),
    ],
)
def test_a_record_that_is_not_as_it_was_sealed_is_said_and_left_out(
    copies: Path, change: Callable[[dict[str, object]], object], reason: str
) -> None:
    run_id = edit(copies, change)
    code, words = merge(copies)
    assert code == 1
    assert "left out: " in words
    assert run_id in words
    assert reason in words
    assert not (copies / "both" / run_id).exists()
    assert len(RunStore(copies / "both").recorded()) == 4
    assert any(reason in note for note in read_labs(copies / "both").notes)


def test_weights_that_were_changed_or_are_a_link_are_not_taken(copies: Path) -> None:
    weights = sorted((copies / "bob").glob("topk-*/weights.safetensors"))
    weights[0].write_bytes(weights[1].read_bytes())
    weights[1].unlink()
    weights[1].symlink_to("/etc/hostname")
    code, words = merge(copies)
    assert code == 1
    assert "weights.safetensors was changed" in words
    assert "is a link, which is not followed" in words


def test_a_metric_that_means_something_else_there_is_not_put_into_the_same_column(copies: Path) -> None:
    store = RunStore(copies / "bob")
    for record in store.scan().records:
        with store.claim(record.run_id) as run:
            assert run is not None
            text = (run.path / "legend.json").read_text(encoding="utf-8")
            (run.path / "legend.json").write_text(text.replace('"direction":"min"', '"direction":"max"'), "utf-8")
            legend = json.loads(text)
            legend["metrics"]["fvu"]["info"]["direction"] = "max"
            (run.path / "legend.json").write_text(json.dumps(legend), encoding="utf-8")
            run.write_record(record)
    code, words = merge(copies)
    assert code == 1
    assert "fvu is in [0, inf) (higher is better) there, and in [0, inf) (lower is better) in the other runs" in words


@pytest.mark.parametrize(
    ("name", "into", "words"),
    [
        ("ann", "both", "'ann' and 'bob' are both of a lab that is called 'ann'"),
        ("ANN", "both", "both of a lab"),
        ("two\nlines", "both", "which is no name"),
        ("x" * 61, "both", "which is no name"),
        ("", "both", "which is no name"),
        ("bob", "bob", "is there already, and is no empty folder"),
        ("bob", ".", "is there already, and is no empty folder"),
        ("bob", "ann/both", "lies in 'ann'"),
    ],
)
def test_what_cannot_be_merged_is_one_message_and_writes_nothing(
    copies: Path, name: str, into: str, words: str
) -> None:
    (copies / "bob" / "lab.txt").write_text(name, encoding="utf-8")
    before = sorted(copies.rglob("*"))
    code, said = merge(copies, into=into)
    assert code == 2
    assert words in said
    assert sorted(copies.rglob("*")) == before


def test_folders_that_are_none_are_named(copies: Path) -> None:
    (copies / "empty").mkdir()
    assert "'absent' is no folder" in merge(copies, "absent")[1]
    assert "'empty' has no records" in merge(copies, "empty")[1]
    assert "two results folders or more" in bench("merge", "ann", "--into", "x", cwd=copies).stderr


def test_labs_json_that_is_damaged_costs_no_board(copies: Path) -> None:
    assert merge(copies)[0] == 0
    (copies / "both" / "labs.json").write_text("{", encoding="utf-8")
    said = bench("leaderboard", "--results", str(copies / "both"))
    assert said.returncode == 0
    assert "labs.json cannot be read" in said.stdout
