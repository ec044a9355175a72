"""What was typed after `gateway compare run`, checked and put together."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from gateway.config.comparison import Compare
from gateway.config.load import load
from gateway.config.patterns import Pattern, parse_pattern
from gateway.errors import ClientError
from gateway.percent import parse_percent
from gateway.replay.job import Job
from gateway.replay.leads import ByRoutes, OneFeature
from gateway.replay.record import SAFE
from gateway.replay.scenario import Played, methods_of, with_headers
from gateway.replay.select import Leads, Selection
from gateway.replay.source import Source
from gateway.rules.headers import HOP_BY_HOP
from gateway.rules.plan import Plan, compile_plan
from gateway.rules.routing import bare_host
from gateway.rules.target import check_method
from gateway.rules.tokens import FIELD_NAMES, TOKEN, is_field_value
from gateway.verify.load import load_scenario
from gateway.verify.targets import TargetError, check_address

_IS_TOKEN: Final = re.compile(TOKEN).fullmatch
_FRAMING: Final = HOP_BY_HOP | {b"content-length", b"expect"}
DANGER: Final = (
    "{} is sent to both sides, really: what it writes is written twice, mails and payments go out twice. "
    "Both sides should be copies that nobody depends on"
)


class UsageError(Exception):
    """What was typed cannot be done. The message says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The options as they came."""

    file: Path
    legacy: str
    new: str
    routes: Path | None
    methods: str
    host: str
    paths: Sequence[str]
    unique: bool
    sample: str
    seed: int
    limit: int | None
    headers: Sequence[str]
    ignore: Sequence[str]
    rate: float
    concurrency: int
    timeout_seconds: float
    max_body_bytes: int
    resume: Path | None

    @property
    def sending(self) -> frozenset[bytes]:
        """The methods. Raises UsageError."""
        return frozenset(map(_method, filter(None, (each.strip() for each in self.methods.split(",")))))

    @property
    def extra(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers. Raises UsageError."""
        return tuple(map(_header, self.headers))


def danger(methods: Iterable[bytes]) -> str | None:
    """A warning where a request of these changes something; None for safe ones."""
    unsafe = sorted(method.decode("ascii") for method in set(methods) - SAFE)
    return DANGER.format(" or ".join(unsafe)) if unsafe else None


def job_of(typed: Typed, source: Source) -> Job:
    """Raises UsageError; SourceError where the file cannot be read."""
    _check_addresses(typed)
    extra, ignore = typed.extra, _ignored(typed.ignore)
    plan = _plan(typed.routes) if typed.routes is not None else None
    leads: Leads = ByRoutes(plan, ignore=ignore, extra=extra) if plan is not None else OneFeature(ignore)
    return Job(
        source=source,
        selection=_selection(typed),
        leads=leads,
        legacy=typed.legacy,
        new=typed.new,
        extra=extra,
        rate=typed.rate,
        concurrency=typed.concurrency,
        timeout_seconds=typed.timeout_seconds,
        max_body_bytes=typed.max_body_bytes,
        state_file=typed.resume,
        begun_with=_begun_with(typed, source, plan) if typed.resume is not None else {},
    )


def scenario_of(typed: Typed) -> Played:
    """Raises UsageError, for what means nothing to a scenario as well."""
    _check_addresses(typed)
    useless = {
        "--routes": typed.routes is not None,
        "--path": bool(typed.paths),
        "--host": bool(typed.host),
        "--unique": typed.unique,
        "--sample": typed.sample != "100",
        "--limit": typed.limit is not None,
        "--resume": typed.resume is not None,
    }
    given = [name for name, is_given in useless.items() if is_given]
    if given:
        raise UsageError(f"a scenario is played whole and in order; leave {', '.join(given)} out")
    loaded = load_scenario(typed.file)
    if loaded.scenario is None:
        raise UsageError("\n".join(map(str, loaded.faults)))
    unsent = sorted(methods_of(loaded.scenario) - {method.decode("ascii") for method in typed.sending})
    if unsent:
        every = ",".join(sorted(methods_of(loaded.scenario)))
        raise UsageError(f"{typed.file} sends {', '.join(unsent)}, too; add --methods {every} where that is meant")
    extra = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in typed.extra]
    return Played(
        scenario=with_headers(loaded.scenario, extra),
        file=typed.file,
        legacy=typed.legacy,
        new=typed.new,
        ignore=_ignored(typed.ignore),
        secret=frozenset(name for name, _ in extra),
    )


def _check_addresses(typed: Typed) -> None:
    for option, url in (("--legacy", typed.legacy), ("--new", typed.new)):
        try:
            check_address(option, url)
        except TargetError as error:
            raise UsageError(str(error)) from None
        parts = urlsplit(url)
        if parts.username is not None or parts.query or parts.fragment:
            raise UsageError(f"{option} is scheme, host and port, perhaps a path; put a password into --header")


def _selection(typed: Typed) -> Selection:
    try:
        sample = parse_percent(typed.sample)
    except ValueError as error:
        raise UsageError(f"--sample {error}") from None
    return Selection(
        methods=typed.sending,
        paths=tuple(map(_path, typed.paths)),
        host=bare_host(typed.host.encode()) if typed.host else None,
        unique=typed.unique,
        sample=sample,
        seed=typed.seed,
        limit=typed.limit,
    )


def _method(text: str) -> bytes:
    method = text.encode("utf-8", "replace")
    try:
        if _IS_TOKEN(method) is None:
            raise UsageError(f"--methods {text} is no method; write them like GET,HEAD")
        check_method(method)
    except ClientError as error:
        raise UsageError(f"--methods {text}: {error.detail}; write them like GET,HEAD") from None
    return method


def _path(text: str) -> Pattern:
    try:
        return parse_pattern(text)
    except ValueError as error:
        raise UsageError(f"--path {text} {error}") from None


def _header(text: str) -> tuple[bytes, bytes]:
    """Without its value in any message: it may be a secret."""
    name, colon, value = text.encode("utf-8", "surrogateescape").partition(b":")
    known = FIELD_NAMES[name.strip()]
    if not colon or known is None:
        raise UsageError('a --header is no header; write it like "authorization: Bearer ..."')
    told, value = known.decode("ascii"), value.strip(b" \t")
    if not is_field_value(value):
        raise UsageError(f"the value of --header {told} holds a line end or a control character")
    if known in _FRAMING:
        raise UsageError(f"--header {told} cannot be given: it belongs to one connection")
    return known, value


def _ignored(places: Sequence[str]) -> tuple[str, ...]:
    try:
        return Compare(ignore=tuple(places)).ignore
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--ignore: {problem}") from None


def _plan(routes: Path) -> Plan:
    try:
        loaded = load(routes.read_bytes(), str(routes))
    except OSError as error:
        raise UsageError(f"{routes} cannot be read: {error.strerror or error}") from None
    if loaded.routes is None:
        raise UsageError(f"{loaded.faults[0]} (`gateway check` tells all faults)")
    return compile_plan(loaded.routes, loaded.sha256)


def _begun_with(typed: Typed, source: Source, plan: Plan | None) -> dict[str, Any]:
    """What decides which requests are sent and how they are compared. Of headers the names alone: a token may have run
    out between two runs, and must not be written down.
    """
    return {
        "--from sha256": source.sha256(),
        "--format": source.format.value,
        "--legacy": typed.legacy,
        "--new": typed.new,
        "--routes sha256": plan.sha256 if plan is not None else None,
        "--methods": sorted(method.decode("ascii") for method in typed.sending),
        "--path": [*typed.paths],
        "--host": typed.host or None,
        "--unique": typed.unique,
        "--sample": typed.sample,
        "--seed": typed.seed,
        "--limit": typed.limit,
        "--header": sorted(name.decode("ascii") for name, _ in typed.extra),
        "--ignore": [*typed.ignore],
        "--max-body-bytes": typed.max_body_bytes,
    }
