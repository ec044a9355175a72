"""Differences by what they are about: those of one fingerprint are one story, however often it is told.

Indexes of lists, keys that look like ids, and numbers of lines differ from one request to the next, so they are left
out. Used by the data plane (pairs), the ledger and whatever shows them.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final, Literal

from gateway.rules.compare import Difference, Kind

DIGITS: Final = 12
MAX_KEY: Final = 64
"""A longer key is no name that a programmer has given."""
MAX_PLACE: Final = 400
"""A longer place ends here: keys are chosen by whoever writes the body."""

_STEP: Final = re.compile(r'\[\d+\]|\["(?:[^"\\]|\\.)*"\]|\.[\w-]+', re.DOTALL)
_WORD: Final = re.compile(r"[^\W_]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_RUNS: Final = re.compile(r"[0-9]+")

_ASPECTS: Final = {Kind.TYPE: ":type", Kind.MISSING: ":presence", Kind.EXTRA: ":presence"}

DifferenceKind = Literal["status", "header", "body"]


def kind_of(difference: Difference) -> DifferenceKind:
    """What part of a reply it is in; the label of `gateway_mismatches_total`."""
    if difference.path == "status":
        return "status"
    return "header" if difference.path.startswith("header:") else "body"


def place_of(difference: Difference) -> str:
    """`$.items[*].id`, `$.jobs.*.state`, `header:etag`, `status`, `line`, `body`."""
    return _place(difference.path)


def kind_and_place(difference: Difference) -> str:
    """`body $.items[*].id`: how a `Pair` names a place, and `body:type $.id`, `body:presence $.id` where that is what
    differs: that a value is another one each time does not excuse that it is of another type, or missing.
    """
    return f"{kind_of(difference)}{_ASPECTS.get(difference.kind, '')} {place_of(difference)}"


def without_aspect(kind: str) -> str:
    """`body` of `body:type`."""
    return kind.partition(":")[0]


def fingerprint(feature: str, route: str, difference: Difference) -> str:
    """Twelve hexadecimal digits; the same in every process. Statuses tell stories of their own: that a user was signed
    out meanwhile (401 for 200) is not what an error is (500 for 200).
    """
    kind = kind_of(difference)
    statuses = (str(difference.legacy), str(difference.new)) if kind == "status" else ()
    parts = feature, route, kind, difference.kind.value, place_of(difference), *statuses
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


@lru_cache(maxsize=4096)
def _place(path: str) -> str:
    if path.startswith("line "):
        return "line"
    if not path.startswith("$"):
        return path[:MAX_PLACE]
    return ("$" + _STEP.sub(_without_names_of_one_request, path[1:]))[:MAX_PLACE]


def _without_names_of_one_request(step: re.Match[str]) -> str:
    text = step[0]
    if text.startswith("."):
        return ".*" if looks_like_an_id(text[1:]) else text
    if not text.startswith('["'):
        return "[*]"
    return ".*" if looks_like_an_id(re.sub(r"\\(.)", r"\1", text[2:-2], flags=re.DOTALL)) else text


def looks_like_an_id(key: str) -> bool:
    """Whether a key of an object names one thing of many: a number, a date, a UUID, an address, something random."""
    if len(key) > MAX_KEY or "@" in key or _UUID.search(key):
        return True
    words = _WORD.findall(key)
    return any(map(_is_random, words)) or bool(words and all(map(str.isdigit, words)))


def _is_random(word: str) -> bool:
    """Names of versions and of algorithms (`v2`, `sha256`, `utf8`) are not."""
    runs = _RUNS.findall(word)
    if not runs:
        return False
    if len(word) >= 4 and runs == [word]:
        return True
    mixed = word.lower() != word and word.upper() != word
    return bool(_HEX.fullmatch(word)) or (len(word) >= 12 and (len(runs) >= 3 or (mixed and len(runs) >= 2)))
