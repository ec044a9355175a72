"""A fault in routes.yaml: where it is, what is wrong, what would be right. Printed by `gateway check` and on reload."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Loc = tuple[str | int, ...]
"""A place in the file by its keys and list indexes: ("routes", 3, "path")."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Ordered by position. line and column count from 1, columns in characters. As text it is one printable line."""

    line: int
    column: int
    key: str
    problem: str
    remedy: str
    file: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        text = f"{place}{self.key + ': ' if self.key else ''}{self.problem}; {self.remedy}"
        return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    """What is not printable written out: an escape in a file that somebody sent must not move a terminal's cursor."""
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def key_path(loc: Loc) -> str:
    """("routes", 3, "path") as people write it: routes[3].path."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, if one is close."""
    by_lower = {word.lower(): word for word in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], *, nothing: str) -> str:
    """The remedy for a name that is not known: the nearest, all there are, or `nothing` where there are none."""
    words = list(known)
    close = nearest(name, words)
    return f'did you mean "{close}"?' if close is not None else known_names(words, nothing=nothing)


def known_names(known: Iterable[str], *, nothing: str) -> str:
    words = list(known)
    return "known: " + ", ".join(words[:20]) + (", ..." if len(words) > 20 else "") if words else nothing
