"""The keys of values in a counter file, to the byte as prometheus_client makes them, and all entries of a histogram.

Why not its own `mmap_key`: the first request of a feature makes two histograms, sixty values, while all others wait.
Here a text is kept that is ready but for the values of the labels, so that a histogram is one formatting.
"""

import json
import struct
from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

LENGTH = struct.Struct("=i")
VALUE_BYTES = 16
"""A value and a timestamp."""

_MARK = "\0"
"""Where the value of a label goes; JSON has no such character unescaped."""


class Series(NamedTuple):
    """All values with the same labels of one metric."""

    metric: str
    help_text: str
    labelnames: tuple[str, ...]
    labelvalues: tuple[str, ...]

    def of_bucket(self, bound: str) -> "Series":
        """Of a histogram: the series of one bucket."""
        return self._replace(labelnames=(*self.labelnames, "le"), labelvalues=(*self.labelvalues, bound))


def key_of(series: Series, name: str) -> str:
    """As `mmap_key`; name: of the value, as `requests_total` or `duration_seconds_sum`."""
    return _form(series.metric, name, series.labelnames, series.help_text) % _values(series)


def entry_of(key: bytes) -> bytes:
    """A new entry; its value, 0, stands in the last VALUE_BYTES."""
    before, after, _ = _around(len(key))
    return before + key + after


def histogram(series: Series, bounds: Sequence[str]) -> tuple[bytes, tuple[int, ...]]:
    """New entries for a histogram's sum and its buckets, and the positions of their values. bounds: in the order of
    the buckets, as the values of `le`.
    """
    values = tuple(value.encode() for value in _values(series))
    form, positions = _histogram_form(
        series.metric, series.help_text, series.labelnames, tuple(bounds), sum(map(len, values))
    )
    return form % (values * len(positions)), positions


def _values(series: Series) -> tuple[str, ...]:
    """In the order of the labels' names."""
    return tuple([quoted(series.labelvalues[place]) for place in _order(series.labelnames)])


@lru_cache(maxsize=256)
def _order(labelnames: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(labelnames)), key=labelnames.__getitem__))


@lru_cache(maxsize=256)
def _form(metric: str, name: str, labelnames: tuple[str, ...], help_text: str) -> str:
    return _escaped(_key(metric, name, dict.fromkeys(labelnames, _MARK), help_text)).replace(_MARK, "%s")


@lru_cache(maxsize=1024)
def _histogram_form(
    metric: str, help_text: str, labelnames: tuple[str, ...], bounds: tuple[str, ...], values_bytes: int
) -> tuple[bytes, tuple[int, ...]]:
    """values_bytes: of all values of labels together, for the lengths of the keys."""
    marks = dict.fromkeys(labelnames, _MARK)
    keys = [_key(metric, f"{metric}_sum", marks, help_text)]
    keys += [_key(metric, f"{metric}_bucket", {**marks, "le": quoted(bound)}, help_text) for bound in bounds]
    form, positions, used = b"", [], 0
    for key in keys:
        length = len(key) - len(marks) * len(_MARK) + values_bytes
        before, after, position = _around(length)
        form += before.replace(b"%", b"%%") + _escaped(key).encode().replace(_MARK.encode(), b"%b") + after
        positions.append(used + position)
        used += position + VALUE_BYTES
    return form, tuple(positions)


def _key(metric: str, name: str, labels: dict[str, str], help_text: str) -> str:
    """labels: their values as JSON."""
    words = ", ".join(f"{json.dumps(label)}: {value}" for label, value in sorted(labels.items()))
    return f"[{json.dumps(metric)}, {json.dumps(name)}, {{{words}}}, {json.dumps(help_text)}]"


def _around(length: int) -> tuple[bytes, bytes, int]:
    """What stands before and after a key that is so long, and the position of the value."""
    blanks = 8 - (length + LENGTH.size) % 8
    return LENGTH.pack(length), b" " * blanks + bytes(VALUE_BYTES), LENGTH.size + length + blanks


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
