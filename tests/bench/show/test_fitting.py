"""Tables that fit: no number is broken or pushed out, and what has no room is named."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from bench.show.fitting import paragraph, room, table

HEADER = ["name", "first", "second [units]", "third"]
NUMBERS = [["0.1234 ± 0.0012", "1,000,000", "-77"], ["12 ± 0", "333", "0.25"]]
ROWS = [["short", *NUMBERS[0]], ["model relaxation=straight_through prior=pseudo_inputs seeds=many", *NUMBERS[1]]]


def test_without_a_width_nothing_is_wrapped_or_left_out() -> None:
    lines = table(HEADER, ROWS, right=(1, 2, 3), spare=(3, 2)).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert len({len(line) for line in lines}) == 1
    assert lines[3].split() == [*" ".join(ROWS[1]).split()]


@pytest.mark.parametrize(
    ("width", "gone"), [(70, []), (56, []), (55, ["third"]), (49, ["third"]), (40, ["second [units]", "third"])]
)
def test_a_table_fits_its_width_and_names_what_has_no_room(width: int, gone: list[str]) -> None:
    text = table(HEADER, ROWS, width, spare=(3, 2), right=(1, 2, 3), rest="and {}; elsewhere")
    assert max(map(len, text.splitlines())) <= width
    assert ("and " + ", ".join(gone) + "; elsewhere" in text) == bool(gone)
    shown = [number for row in NUMBERS for name, number in zip(HEADER[1:], row, strict=True) if name not in gone]
    assert [number for row in NUMBERS for number in row if number in text] == shown
    rule = text.splitlines()[1].split()[0]
    words = [word for line in text.splitlines()[2:] for word in line[: len(rule)].split()]
    assert "".join(ROWS[1][0].split()) in "".join(words), "the name is wrapped, and whole"


def test_a_table_that_cannot_fit_keeps_what_may_not_go() -> None:
    text = table(HEADER, ROWS, 10, spare=(3, 2))
    assert "0.1234 ± 0.0012" in text


def test_cells_of_wide_characters_stay_in_their_columns() -> None:
    lines = table(["名前", "x"], [["模型的名字非常非常长长长", "1"], ["a", "2"]], 21, right=(1,)).splitlines()
    assert {cell_len(line) for line in lines if line.endswith(("1", "2", "x"))} == {21}


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert table(["name"], [["\x1b[2Jgone"]]).splitlines()[-1] == "\\x1b[2Jgone"


def test_prose_breaks_between_words() -> None:
    words = "a few words that are longer than a line, and one: extraordinarily"
    assert paragraph(words) == words
    lines = paragraph(words, 20).splitlines()
    assert max(map(len, lines)) <= 20
    assert " ".join(lines) == words


def test_prose_leaves_commands_and_long_words_whole() -> None:
    command = "`python -m bench run --models all`"
    assert paragraph(f"  Make some: {command}, and look.", 24).splitlines() == [
        "  Make some:",
        f"  {command},",
        "  and look.",
    ]
    assert paragraph("see /a/path/that/is/longer/than/a/line here", 20).splitlines() == [
        "see",
        "/a/path/that/is/longer/than/a/line",
        "here",
    ]
    assert paragraph("FAIL  one two three", 14).splitlines() == ["FAIL  one two", "three"]


def test_a_name_that_is_too_long_is_broken_behind_its_sign() -> None:
    rows = [["mp k=4 learning_rate=0.003", "1"]]
    assert table(["model", "n"], rows, 20).splitlines()[2:] == ["mp k=4             1", "learning_rate=", "0.003"]


def test_a_column_goes_before_a_name_is_broken_unless_that_is_longer_than_half_a_line() -> None:
    header, numbers = ["model", "first", "second"], ["0.1234 ± 0.0012", "0.1234"]
    for width in (40, 43):
        lines = table(header, [["dictionary-learning", *numbers]], width, spare=(2,)).splitlines()
        assert lines[2:] == [f"dictionary-learning  {numbers[0]}", "not shown: second"]
    lines = table(header, [["x" * 30, *numbers]], 51, spare=(2,)).splitlines()
    assert lines[2].endswith("  0.1234")
    assert lines[2].split()[0] + lines[3] == "x" * 30


def test_the_width_is_that_of_columns_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "93")
    assert room() == 93
