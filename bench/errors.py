"""The one exception that means 'the input is at fault': its message is all that the user sees, exit status 2.

And the words that messages are made of.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Bad input. The message names the field, the value, what is valid, and what to do next."""


class Interrupted(Exception):
    """Ctrl-C. The message says what is kept, and how to go on."""


def unknown(kind: str, name: str, valid: Iterable[str], hint: str = "") -> BenchError:
    """'Unknown model 'topkk'. Did you mean 'topk'? Valid: ...', with an optional last sentence."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return BenchError(f"Unknown {kind} '{name}'.{guess} Valid: {', '.join(names)}.{' ' + hint if hint else ''}")


def first_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "(no message)")


def counted(n: int, noun: str) -> str:
    """'1 run', '2 runs'."""
    return f"{n} {noun}{'s' * (n != 1)}"


TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(text: str) -> str:
    """The text with what UTF-8 cannot encode (undecodable bytes of a command line, say) written as escapes.

    Marks that turn the direction of writing are left out: in a name, they would turn the words around it as well.
    """
    if text.isascii():
        return text
    for mark in TURNING:
        text = text.replace(mark, "")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
