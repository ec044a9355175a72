"""What applies to each feature: file, environment and Redis put together.

Called by workers and by the control process after every change of one of the three; `decide` reads the result for
each request. A kill by any source beats all; a percent comes from the strongest source that has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.config.schema import Cold, Feature, RoutesFile
from gateway.model import ALL, NONE, BasisPoints, Source
from gateway.rules.flagmodel import Configured, FeatureFlags, Known
from gateway.rules.flagvalues import parse_environment
from gateway.rules.flagwords import describe_held

LEFT_IN_REDIS: Final = (
    "a flag or a list still stands in Redis and says nothing: the feature is retired (routes.yaml names no legacy); "
    "`gateway flag unset {}` and `gateway flag allow|deny --remove` take it out"
)

_NAMED_SOURCES: Final = (b"header:", b"cookie:", b"jwt:")
_CLIENT_IP: Final = b"client_ip"


@dataclass(frozen=True, slots=True)
class KeyList:
    """An allow or deny list, ready to be asked.

    exact: entries that are compared with the key itself, as raw bytes.
    by_source: `source=value` entries, which are compared with that source's value whatever the key is; the sources are
    written as in `key:` (`header:x-team`, names of headers in lower case).
    """

    exact: frozenset[bytes] = frozenset()
    by_source: tuple[tuple[str, frozenset[bytes]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.exact or self.by_source)


EMPTY: Final = KeyList()


@dataclass(frozen=True, slots=True)
class FeaturePolicy:
    """What applies to one feature now.

    basis_points: new's share before kills and lists; 0 while `unknown`.
    kill_sources: `redis`, `file`, `kill_all`: each must be undone on its own.
    unknown: nothing trustworthy was ever read; everything goes to legacy.
    hidden: weaker sources that say something else and are not heard.
    held: what Redis says and is not in force, and what to type; None where nothing is held.
    rev: of the flag as last read; 0 where it has none.
    reversible: legacy can read what new has written.
    shadow: of the requests that may be shadowed, by `shadow_source`; 0 while `unknown`. A kill leaves it as it is.
    hidden_shadow: what the file says of it, where that is not heard.
    retired: there is no legacy any more: everything goes to new, whatever a flag says.
    """

    name: str
    basis_points: BasisPoints
    percent_source: Source
    killed: bool = False
    kill_sources: tuple[str, ...] = ()
    unknown: bool = False
    allow: KeyList = EMPTY
    deny: KeyList = EMPTY
    hidden: tuple[tuple[Source, BasisPoints], ...] = ()
    held: str | None = None
    problems: tuple[str, ...] = ()
    rev: int = 0
    reversible: bool = True
    shadow: BasisPoints = NONE
    shadow_source: Source = Source.FILE
    hidden_shadow: BasisPoints | None = None
    retired: bool = False


def resolve(
    *, routes: RoutesFile, environment: Mapping[str, str], known: Known | None, store_configured: bool
) -> dict[str, FeaturePolicy]:
    """Every feature of `routes`. known: what was read from Redis or the snapshot; None where nothing ever was."""
    return {
        name: resolve_feature(
            name, routes=routes, environment=environment, known=known, store_configured=store_configured
        )
        for name in routes.features
    }


def resolve_feature(
    name: str, *, routes: RoutesFile, environment: Mapping[str, str], known: Known | None, store_configured: bool
) -> FeaturePolicy:
    """One feature, for callers that know that only it has changed."""
    feature = routes.features[name]
    flags = known.features.get(name) if known is not None and store_configured else None
    if feature.is_retired:
        return _retired(name, flags)
    never_read = store_configured and flags is None and routes.cold is Cold.LEGACY
    unknown = never_read or (flags is not None and bool(flags.unreadable))
    said, problems = _percents(feature, environment, flags)
    source, points = (Source.NEVER_READ, NONE) if unknown else said[0]
    killers = _kill_sources(routes, feature, flags)
    shadow_source, shadow, hidden_shadow = _shadow(feature, flags, unknown=unknown)
    return FeaturePolicy(
        name=name,
        basis_points=points,
        percent_source=source,
        killed=bool(killers),
        kill_sources=killers,
        unknown=unknown,
        allow=parse_key_list(flags.allow) if flags else EMPTY,
        deny=parse_key_list(flags.deny) if flags else EMPTY,
        hidden=() if unknown else tuple(weaker for weaker in said[1:] if weaker[1] != points),
        held=describe_held(name, flags) if flags else None,
        problems=problems + (flags.problems if flags else ()),
        rev=(flags.rev or 0) if flags else 0,
        reversible=feature.reversible,
        shadow=shadow,
        shadow_source=shadow_source,
        hidden_shadow=hidden_shadow,
    )


def _retired(name: str, flags: FeatureFlags | None) -> FeaturePolicy:
    """Nothing decides about it any more, but what stands in Redis is told: somebody may believe that it does."""
    left = flags is not None and (
        any(value is not None for value in (flags.percent, flags.enabled, flags.shadow))
        or bool(flags.allow or flags.deny)
    )
    return FeaturePolicy(
        name=name,
        basis_points=ALL,
        percent_source=Source.FILE,
        problems=(LEFT_IN_REDIS.format(name),) if left else (),
        rev=(flags.rev or 0) if flags else 0,
        retired=True,
    )


def fallbacks(routes: RoutesFile, environment: Mapping[str, str]) -> dict[str, Configured]:
    """What environment and file alone say of each feature: what a flag that vanishes leaves (see `advance`)."""
    return {
        name: Configured(_percents(feature, environment, None)[0][0][1], feature.shadow_basis_points)
        for name, feature in routes.features.items()
    }


@lru_cache(maxsize=4096)
def parse_key_list(entries: frozenset[bytes]) -> KeyList:
    """The members of an allow or deny list as typed. What names no known source is compared with the key as it is."""
    exact, by_source = set[bytes](), dict[str, set[bytes]]()
    for entry in entries:
        source, equals, value = entry.partition(b"=")
        name = _source_name(source) if equals else None
        if name is None:
            exact.add(entry)
        else:
            by_source.setdefault(name, set()).add(value)
    return KeyList(frozenset(exact), tuple((name, frozenset(by_source[name])) for name in sorted(by_source)))


def _source_name(source: bytes) -> str | None:
    if source == _CLIENT_IP:
        return "client_ip"
    kind = next((kind for kind in _NAMED_SOURCES if source.startswith(kind) and source != kind), None)
    if kind is None:
        return None
    text = source.decode("utf-8", "surrogateescape")
    return text.lower() if kind == b"header:" else text


def _percents(
    feature: Feature, environment: Mapping[str, str], flags: FeatureFlags | None
) -> tuple[list[tuple[Source, BasisPoints]], tuple[str, ...]]:
    """What each source says, strongest first, and what could not be understood. The file always says something."""
    said: list[tuple[Source, BasisPoints]] = []
    problems: tuple[str, ...] = ()
    if flags is not None and flags.percent is not None:
        said.append((Source.REDIS, flags.percent))
    value = environment.get(feature.flag) if feature.flag else None
    if value is not None:
        try:
            said.append((Source.ENVIRONMENT, parse_environment(value)))
        except ValueError as error:
            problems = (f"environment {feature.flag}: {error}",)
    if not said or "basis_points" in feature.model_fields_set:
        said.append((Source.FILE, feature.basis_points))
    return said, problems


def _shadow(
    feature: Feature, flags: FeatureFlags | None, *, unknown: bool
) -> tuple[Source, BasisPoints, BasisPoints | None]:
    """Where the percent of shadows comes from, what it is, and what the file says in vain."""
    if unknown:
        return Source.NEVER_READ, NONE, None
    configured = feature.shadow_basis_points
    if flags is None or flags.shadow is None:
        return Source.FILE, configured, None
    is_hidden = "shadow_basis_points" in feature.model_fields_set and flags.shadow != configured
    return Source.REDIS, flags.shadow, configured if is_hidden else None


def _kill_sources(routes: RoutesFile, feature: Feature, flags: FeatureFlags | None) -> tuple[str, ...]:
    killers = (
        ("redis", flags is not None and flags.enabled is False),
        ("file", feature.kill),
        ("kill_all", routes.kill_all),
    )
    return tuple(name for name, kills in killers if kills)
