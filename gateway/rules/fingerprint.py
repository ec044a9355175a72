"""Differences by what they are about: those of one fingerprint are one story, however often it is told.

Indexes of lists, keys that look like ids, and numbers of lines differ from one request to the next, so they are left
out. Used by the data plane (pairs), the ledger and whatever shows them.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final, Literal

from gateway.rules.compare import Difference, Kind
from gateway.rules.place_names import MAX_PLACE, common_step

DIGITS: Final = 12

_STEP: Final = re.compile(r'\[\d+\]|\["(?:[^"\\]|\\.)*"\]|\.[\w-]+', re.DOTALL)

_ASPECTS: Final = {Kind.TYPE: ":type", Kind.MISSING: ":presence", Kind.EXTRA: ":presence"}

DifferenceKind = Literal["status", "header", "body"]


def kind_of(difference: Difference) -> DifferenceKind:
    """What part of a reply it is in; the label of `gateway_mismatches_total`."""
    if difference.path == "status":
        return "status"
    return "header" if difference.path.startswith("header:") else "body"


def place_of(difference: Difference) -> str:
    """`$.items[*].id`, `$.jobs.*.state`, `header:etag`, `status`, `line`, `body`."""
    return difference.place or _place(difference.path)


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
        return common_step(text[1:])
    return common_step(re.sub(r"\\(.)", r"\1", text[2:-2], flags=re.DOTALL)) if text.startswith('["') else "[*]"
