"""Whoever listens hears how far the work is; else a line says that it has begun."""

from __future__ import annotations

import pytest

from bench.datasets.progress import followed, heard_by


def test_a_listener_hears_the_beginning_each_part_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[tuple[str, float]] = []
    with heard_by(lambda what, share: heard.append((what, share))):
        assert list(followed("Measuring", "abcd", 4)) == list("abcd")
    assert heard == [("Measuring", share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert capsys.readouterr() == ("", "")


def test_without_a_listener_one_line_says_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(followed("Measuring 4 images", range(4), 4)) == [0, 1, 2, 3]
    assert capsys.readouterr() == ("", "Measuring 4 images ...\n")
