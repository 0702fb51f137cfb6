"""The one exception that means 'the input is at fault': its message is all that the user sees, exit status 2.

And the words that messages are made of.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class BenchError(Exception):
    """Bad input. The message names the field, the value, what is valid, and what to do next."""


class Interrupted(Exception):
    """Ctrl-C. The message says what is kept, and how to go on."""


def unknown(kind: str, name: str, valid: Iterable[str], hint: str = "") -> BenchError:
    """'Unknown model 'topkk'. Did you mean 'topk'? Valid: ...', with an optional last sentence."""
    names = sorted(valid)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)  # from Python, anything may be given
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return BenchError(
        f"Unknown {kind} '{name}'.{guess} Valid: {', '.join(names) or 'none'}.{' ' + hint if hint else ''}"
    )


def describe_validation(owner: str, error: ValidationError) -> str:
    """One line per invalid field: its name, the value, and what is valid."""
    lines = []
    for item in error.errors(include_url=False):
        parts = [*([owner] if owner else []), *(str(part) for part in item["loc"] if part != "function-after")]
        shown = f" = {item['input']!r:.80}" if item["loc"] and item["type"] != "missing" else ""
        message = item["msg"].removeprefix("Value error, ")
        if isinstance(item["input"], tuple):  # a value of some fields, and of others meant as a grid
            message += f"; a grid is a list, {list(item['input'])}"
        lines.append(f"{'.'.join(parts)}{shown}: {message}" if parts else message)
    return "\n".join(lines)


def first_line(text: str) -> str:
    """The first line that says something, as much of it as can be read."""
    return clipped(next((line.strip() for line in text.splitlines() if line.strip()), "(no message)"))


def listed(names: Sequence[str], most: int = 300) -> str:
    """'a, b, c', or 'a, b and 5 others' of more than can be read in a line."""
    ends = list(accumulate(len(name) + len(", ") for name in names))
    shown = max(1, sum(end <= most for end in ends))
    rest = len(names) - shown
    return clipped(", ".join(names[:shown]), most) + (f" and {counted(rest, 'other')}" if rest > 0 else "")


def counted(n: int, noun: str) -> str:
    """'1 run', '2 runs'."""
    return f"{n} {noun}{'s' * (n != 1)}"


UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, but for tabs and ends of lines; marks that turn the direction of writing; half characters."""

CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n"))
"""Those of them that are ASCII."""


def printable(text: str) -> str:
    """The text with all that a terminal would obey, and all that UTF-8 cannot encode, written as escapes: '\\x1b[2J'.

    Names and messages come from other people's records and plug-ins.
    """
    if text.isascii() and len(text.encode().translate(None, CONTROLS)) == len(text):
        return text  # in a tenth of the time, as it matters to a table of 60 MB
    return UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def message_of(error: BaseException) -> str:
    """What an exception says, of whatever kind it is: one of a plug-in may not even print."""
    try:
        return clipped(printable(str(error)), 10_000)
    except Exception:
        return "(its message cannot be printed)"


def clipped(text: str, most: int = 300) -> str:
    """The start of a text that is longer than can be read in a line, and how much is left out."""
    return text if len(text) <= most else f"{text[:most]} ... ({len(text) - most:,} more characters)"
