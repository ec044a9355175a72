"""What two values that differ have in common, and how far numbers are apart: what a rule could rest on.

Told by workers of each difference, so that `gateway compare suggest` can say "812 of 812 were UUIDs". Pure.
"""

import re
from typing import Any, Final

from gateway.rules.shapes import SHAPES, moment

SHAPE_TRAITS: Final = ("uuid", "jwt", "time", "http-date")
"""Shapes by which `same` is worth suggesting: what a service makes up for each reply."""
TOKEN: Final = "token"  # noqa: S105 - a trait's name
NUMBER: Final = "number"
NEAR: Final = "near"
TIMES: Final = "seconds"
TRAITS: Final = (*SHAPE_TRAITS, TOKEN, NUMBER, NEAR, TIMES)

NEAR_SHARE: Final = 0.1
"""Of the smaller of two numbers: what is not farther away than that is near."""
MAX_TEXT: Final = 4096
_TOKEN: Final = re.compile(r"(?:W/)?\"?(?=[^\"]*\d)[\w.~+/=-]{8,}\"?")
"""One word with a digit in it, perhaps in quotes, as entity tags are."""


def traits(legacy: Any, new: Any) -> frozenset[str]:
    """Those of TRAITS that both have. `near`: numbers within a tenth of each other. `seconds`: times of which it can be
    told how far they are apart.
    """
    if isinstance(legacy, str) and isinstance(new, str):
        return _of_texts(legacy, new) if max(len(legacy), len(new)) <= MAX_TEXT else frozenset()
    if not _number(legacy) or type(legacy) is not type(new):
        return frozenset()
    apart = distance(legacy, new)
    is_near = apart is not None and apart <= NEAR_SHARE * min(abs(float(legacy)), abs(float(new)))
    return frozenset((NUMBER, NEAR) if is_near else (NUMBER,))


def _of_texts(legacy: str, new: str) -> frozenset[str]:
    found = {name for name in SHAPE_TRAITS if SHAPES[name].alike(legacy, new)}
    if moment(legacy) is not None and moment(new) is not None:
        found.add(TIMES)
    if _TOKEN.fullmatch(legacy) and _TOKEN.fullmatch(new):
        found.add(TOKEN)
    return frozenset(found)


def distance(legacy: Any, new: Any) -> float | None:
    """How far two numbers of one type are apart, or two times in seconds; None where that cannot be told."""
    if _number(legacy) and type(legacy) is type(new):
        try:
            found = abs(float(legacy) - float(new))
        except OverflowError:  # integers beyond any float
            return None
        return found if found < float("inf") else None
    times = moment(legacy), moment(new)
    return None if times[0] is None or times[1] is None else abs(times[0] - times[1])


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
