"""The counters of all workers of this machine together: read from their files, merged, and written for Prometheus.

Called in the control process, in a thread, for `/metrics` and for the five-minute window. prometheus_client's own
collector parses every key of every file at every scrape: 3 s at 500 features. Entries of a file never move and are
only appended, so here a key is parsed once, when it appears; after that a scrape reads the files whole and adds up
doubles by position. Nothing is locked: a value is one aligned store, and an entry counts once the header covers it.
"""

import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from struct import error as struct_error

import orjson
import structlog

from gateway.telemetry.catalogue import WORKER_METRICS, Definition, Kind
from gateway.telemetry.counterfile import HEADER_BYTES, DamagedFileError, entries, used_bytes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger("telemetry")

Labels = tuple[str, ...]
"""A series' label values, in the order of its metric's definition."""


@dataclass(frozen=True, slots=True)
class HistogramTotal:
    """buckets: how many fell into each, not cumulative, the last above every bound."""

    buckets: tuple[float, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Every worker counter since the files were made, added up. Immutable; by metric name, then label values."""

    counters: dict[str, dict[Labels, float]]
    histograms: dict[str, dict[Labels, HistogramTotal]]
    damaged: tuple[str, ...] = ()


@dataclass(slots=True)
class _Known:
    """What has been read of one file: for each value its place among all values, and the last good values."""

    inode: int
    parsed: int = HEADER_BYTES
    doubles: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    values: tuple[float, ...] = ()
    pick: Callable[[Sequence[float]], tuple[float, ...]] | None = None


@dataclass(slots=True)
class _Series:
    """One line of a counter, or all lines of one histogram's label set. places: where its values are."""

    labels: Labels
    head: str
    places: list[int]
    lines: list[str] = field(default_factory=list)


class CounterFiles:
    """The files of a directory, read again and again. Safe to call from several threads; one reads at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._files: dict[Path, _Known] = {}
        self._places: dict[str, int] = {}
        self._families = {definition.name: _Family(definition) for definition in WORKER_METRICS}
        self._reported: set[tuple[str, int]] = set()

    def totals(self) -> Totals:
        """For the window: the merged values as numbers."""
        with self._lock:
            values, damaged = self._read()
            families = self._families.values()
            return Totals(
                counters={f.name: f.counters(values) for f in families if f.kind is Kind.COUNTER},
                histograms={f.name: f.histograms(values) for f in families if f.kind is Kind.HISTOGRAM},
                damaged=damaged,
            )

    def text(self) -> tuple[bytes, tuple[str, ...]]:
        """For `/metrics`: the text format 0.0.4, and the names of the files that could not be read."""
        with self._lock:
            values, damaged = self._read()
            return "".join(family.text(values) for family in self._families.values()).encode(), damaged

    # -- reading

    def _read(self) -> tuple[list[float], tuple[str, ...]]:
        """All values, merged, by place. A damaged file goes in with its last good values, or not at all, for a sum
        that falls and rises again would be counted twice by Prometheus."""
        damaged = []
        paths = sorted(self._directory.glob("*.db"))
        for path in paths:
            try:
                self._read_file(path)
            except FileNotFoundError:
                continue
            except (DamagedFileError, OSError, ValueError, struct_error) as fault:
                damaged.append(path.name)
                self._report(path, fault)
        for gone in self._files.keys() - set(paths):
            del self._files[gone]
        merged = [0.0] * len(self._places)
        for known in self._files.values():
            for place, value in zip(known.places, known.values, strict=False):
                merged[place] += value
        return merged, tuple(damaged)

    def _read_file(self, path: Path) -> None:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            used = used_bytes(file.read(HEADER_BYTES))
            if used > status.st_size:
                raise DamagedFileError("its end is missing")
            file.seek(0)
            data = file.read(used)
        known = self._files.get(path)
        if known is None or known.inode != status.st_ino or used < known.parsed:
            known = self._files[path] = _Known(status.st_ino)
        if used > known.parsed:
            self._parse(known, data, used)
        if known.pick is not None:
            values = known.pick(memoryview(data).cast("d"))
            if not math.isfinite(sum(values)):
                raise DamagedFileError("it holds values that are no numbers")
            known.values = values

    def _parse(self, known: _Known, data: bytes, used: int) -> None:
        """Learns the entries that were added since the last time: all, or on damage none of them."""
        added = [(self._place(key), position // 8) for key, position in entries(data, known.parsed, used)]
        known.places += [place for place, _ in added]
        known.doubles += [double for _, double in added]
        known.parsed = used
        known.pick = _picker(known.doubles)

    def _place(self, key: str) -> int:
        place = self._places.get(key)
        if place is None:
            family, sample, labels = self._understand(key)
            place = self._places[key] = len(self._places)
            family.add(sample, labels, place)
        return place

    def _understand(self, key: str) -> "tuple[_Family, str, dict[str, str]]":
        try:
            metric, sample, labels, _ = orjson.loads(key)
            family = self._families.get(metric) or self._families[f"{metric}_total"]
        except (ValueError, KeyError, TypeError):
            raise DamagedFileError(f"{key[:80]!r} is no key of a metric of ours") from None
        if not family.takes(labels):
            raise DamagedFileError(f"{key[:80]!r} has other labels than its metric")
        return family, sample, labels

    def _report(self, path: Path, fault: Exception) -> None:
        """Once for each file, not once a scrape."""
        known = self._files.get(path)
        mark = (path.name, 0 if known is None else known.inode)
        if mark not in self._reported:
            self._reported.add(mark)
            log.error("a counter file cannot be read; its last good values stand", file=path.name, fault=str(fault))


class _Family:
    """All series of one metric: where their values are, and everything of their lines that never changes."""

    def __init__(self, definition: Definition) -> None:
        self.name = definition.name
        self.kind = definition.kind
        self.labels = definition.labels
        self._head = f"# HELP {definition.name} {_escape_help(definition.help)}\n# TYPE {definition.name} {self.kind}\n"
        self._series: dict[Labels, _Series] = {}
        self._bounds: dict[Labels, dict[float, tuple[str, int]]] = {}
        self._sums: dict[Labels, int] = {}

    def takes(self, labels: dict[str, str]) -> bool:
        """Whether a value with these labels can be one of ours; a histogram's sum has no `le`."""
        return len(labels) - ("le" in labels) == len(self.labels) and all(map(labels.__contains__, self.labels))

    def add(self, sample: str, labels: dict[str, str], place: int) -> None:
        """One value of one series has appeared. A histogram's arrive one after the other."""
        values = tuple(labels[name] for name in self.labels)
        if self.kind is Kind.COUNTER:
            head = f"{self.name}{_label_text(self.labels, values)} "
            self._series.setdefault(values, _Series(values, head, [])).places.append(place)
            return
        if sample.endswith("_bucket"):
            self._bounds.setdefault(values, {})[float(labels["le"])] = (labels["le"], place)
        else:
            self._sums[values] = place
        self._series.pop(values, None)

    def counters(self, values: Sequence[float]) -> dict[Labels, float]:
        return {labels: sum(values[place] for place in series.places) for labels, series in self._series.items()}

    def histograms(self, values: Sequence[float]) -> dict[Labels, HistogramTotal]:
        return {
            labels: HistogramTotal(tuple(values[place] for place in series.places[1:]), values[series.places[0]])
            for labels, series in self._complete()
        }

    def text(self, values: Sequence[float]) -> str:
        parts = [self._head]
        if self.kind is Kind.COUNTER:
            for series in self._series.values():
                parts += (series.head, repr(sum(values[place] for place in series.places)), "\n")
            return "".join(parts)
        for _, series in self._complete():
            total = 0.0
            for place, line in zip(series.places[1:], series.lines, strict=False):
                total += values[place]
                parts += (line, repr(total), "\n")
            parts += (series.lines[-2], repr(total), "\n")
            parts += (series.lines[-1], repr(values[series.places[0]]), "\n")
        return "".join(parts)

    def _complete(self) -> Iterable[tuple[Labels, _Series]]:
        """Histograms with all their values: a worker appends them one by one, the bucket above every bound last."""
        for labels, bounds in self._bounds.items():
            series = self._series.get(labels)
            if series is None:
                if labels not in self._sums or math.inf not in bounds:
                    continue
                series = self._series[labels] = self._histogram(labels, bounds)
            yield labels, series

    def _histogram(self, labels: Labels, bounds: dict[float, tuple[str, int]]) -> _Series:
        """places: the sum's, then the buckets' by bound. lines: the buckets', then the count's and the sum's."""
        text = _label_text(self.labels, labels)
        ordered = [bounds[bound] for bound in sorted(bounds)]
        lines = [f'{self.name}_bucket{text[:-1]},le="{le}"}} ' for le, _ in ordered]
        lines += [f"{self.name}_count{text} ", f"{self.name}_sum{text} "]
        return _Series(labels, "", [self._sums[labels], *(place for _, place in ordered)], lines)


def _picker(doubles: list[int]) -> Callable[[Sequence[float]], tuple[float, ...]]:
    if len(doubles) == 1:
        only = doubles[0]
        return lambda values: (values[only],)
    return itemgetter(*doubles)


def _label_text(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = (f'{name}="{_escape_value(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escape_value(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
