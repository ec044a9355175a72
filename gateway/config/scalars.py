"""What a bare word or number in YAML means here: text, a whole number, an exact decimal, true, false or nothing.

YAML's readers disagree about many bare spellings (`no`, `010`, `1:30`, `1_000`). Here each of those is a fault that
says how to write what was meant; nothing is guessed. Quoted text is always text.
"""

import re
from decimal import Decimal

Scalar = str | int | Decimal | bool | None

_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None}
_BOOLEANS = {"y": "true", "yes": "true", "on": "true", "n": "false", "no": "false", "off": "false"}
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_TRAPS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"[-+]?0[0-9]+"), "is octal to some readers of YAML and decimal to others", "write it without the 0"),
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"), "is a number in another base", "write it in decimal"),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?"), "has underscores, which only some readers of YAML skip",
     "write the digits alone"),
    (re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9_]*)?"), "is a number in base 60 to some readers of YAML",
     "write the number in decimal"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"), "is a date to YAML, and no key takes a date",
     "write what the key takes"),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "is no number that any key takes", "write a finite number"),
    (re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"), "has an exponent", "write the digits in full"),
    (re.compile(r"\+[0-9]+(\.[0-9]*)?|[-+]?\.[0-9]+|[-+]?[0-9]+\."), "is a number in an unusual spelling",
     "write it like 0.5 or 5"),
    (re.compile(r"[-+]?[0-9]+(\.[0-9]+)?"), "has too many digits", "write a shorter number"),
)  # fmt: skip


class TrapError(ValueError):
    """A bare spelling that YAML's readers disagree about: `problem` and `remedy`."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


def read_plain(text: str) -> Scalar:
    """The value of an unquoted scalar. Raises TrapError."""
    if not text:
        raise TrapError("nothing stands here", "write a value, or leave the key out")
    if text in _WORDS:
        return _WORDS[text]
    if text[0].isalpha():
        lower = text.lower()
        if lower in _BOOLEANS or lower in _WORDS:
            meant = _BOOLEANS.get(lower, lower)
            raise TrapError(
                f"YAML may read the bare {text} as {meant}", f'write {meant}, or "{text}" in quotes if it is text'
            )
        return text
    if text[0] in "+-.0123456789":
        return _read_number(text)
    return text


def _read_number(text: str) -> Scalar:
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    for pattern, problem, remedy in _TRAPS:
        if pattern.fullmatch(text):
            raise TrapError(f"the bare {text} {problem}", f'{remedy}, or "{text}" in quotes if it is text')
    return text
