"""How one place is named among those of other requests: `$.items[*].id`, `$.jobs.*.state`.

Indexes of lists and keys that look like ids differ from one request to the next, so they are left out. Used by
comparisons, and by what groups their differences.
"""

import re
from functools import lru_cache
from typing import Final

from gateway.rules.json_path import show_step

MAX_KEY: Final = 64
"""A longer key is no name that a programmer has given."""
MAX_PLACE: Final = 400
"""A longer place ends here: keys are chosen by whoever writes the body."""

_WORD: Final = re.compile(r"[^\W_]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEX: Final = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_RUNS: Final = re.compile(r"[0-9]+")


def common_step(step: str | int) -> str:
    """A step of a path as it is in the paths of other requests, too: `[*]`, `.*`, `.name`, `["odd name"]`."""
    if isinstance(step, int):
        return "[*]"
    return _common_key(step) if len(step) <= MAX_KEY else ".*"


@lru_cache(maxsize=4096)
def _common_key(key: str) -> str:
    return ".*" if looks_like_an_id(key) else show_step(key)


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
