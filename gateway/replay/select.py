"""Which of the recorded requests are sent. The same file and the same options always choose the same ones, in order."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import Final

from xxhash import xxh64_intdigest

from gateway.config.patterns import Pattern
from gateway.model import ALL, BasisPoints
from gateway.replay.leads import Lead
from gateway.replay.left_out import LeftOut
from gateway.replay.record import Recorded, Unreadable
from gateway.replay.source import Record
from gateway.rules.paths import normalize
from gateway.rules.routing import bare_host

MAX_TOLD: Final = 5
"""Unreadable lines that are shown."""


@dataclass(frozen=True, slots=True)
class Selection:
    """host: in lower case and without a port. sample: of what passes everything else, drawn by seed. paths: any of
    them; none for all. limit: the first so many of what is left.
    """

    methods: frozenset[bytes]
    paths: tuple[Pattern, ...] = ()
    host: bytes | None = None
    unique: bool = False
    sample: BasisPoints = ALL
    seed: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A request that is sent, and where it leads."""

    recorded: Recorded
    lead: Lead


@dataclass(slots=True)
class Survey:
    """What a file holds: counted while it is gone through. unreadable: the first of them."""

    requests: int = 0
    others: int = 0
    unreadable_count: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    chosen: int = 0


Leads = Callable[[Recorded], Lead | LeftOut]


def choose(records: Iterable[Record], selection: Selection, leads: Leads, survey: Survey) -> Iterator[Chosen]:
    """In the order of the record. survey: is counted into; what comes behind the limit is not looked at."""
    passing = _passing(_readable(records, survey), selection, leads, survey)
    for each in islice(passing, selection.limit):
        survey.chosen += 1
        yield each


def _readable(records: Iterable[Record], survey: Survey) -> Iterator[Recorded]:
    for record in records:
        if record is None:
            survey.others += 1
        elif isinstance(record, Unreadable):
            survey.unreadable_count += 1
            if len(survey.unreadable) < MAX_TOLD:
                survey.unreadable.append(record)
        else:
            survey.requests += 1
            yield record


def _passing(records: Iterable[Recorded], selection: Selection, leads: Leads, survey: Survey) -> Iterator[Chosen]:
    seen: set[bytes] = set()
    number = 0
    for record in records:
        why = _unwanted(record, selection)
        lead = why or leads(record)
        if isinstance(lead, LeftOut):
            survey.left_out[lead] += 1
            continue
        if selection.unique:
            print_ = _print(record)
            if print_ in seen:
                survey.left_out[LeftOut.DUPLICATE] += 1
                continue
            seen.add(print_)
        number += 1
        if not is_drawn(number, selection.seed, selection.sample):
            survey.left_out[LeftOut.SAMPLE] += 1
            continue
        yield Chosen(record, lead)


def _unwanted(record: Recorded, selection: Selection) -> LeftOut | None:
    if record.method not in selection.methods:
        return LeftOut.METHOD
    if selection.host is not None and bare_host(record.host) != selection.host:
        return LeftOut.HOST
    if selection.paths:
        path = normalize(record.path)
        if not any(pattern.matches(path) for pattern in selection.paths):
            return LeftOut.PATH
    return None


def is_drawn(number: int, seed: int, sample: BasisPoints) -> bool:
    """Whether the request of this number is in the sample; of two samples by one seed the larger holds the smaller."""
    return xxh64_intdigest(b"%d:%d" % (seed, number)) % ALL < sample


def _print(record: Recorded) -> bytes:
    """What two requests have in common that ask for the same: all but the headers."""
    digest = blake2b(digest_size=16)
    for part in (record.method, record.host.lower(), record.target, record.body or b""):
        digest.update(b"%d:" % len(part) + part)
    return digest.digest()
