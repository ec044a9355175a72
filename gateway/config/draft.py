"""As much of routes.yaml as can be made sense of, so that one run of lint sees past the faults of shape.

Each upstream, feature and route that has a faulty key is validated again without it; `damaged` says which keys lint
must not draw conclusions from.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config.faults import Loc, nearest
from gateway.config.messages import fields_at
from gateway.config.schema import Cors, EncodedSlash, Feature, Route, RoutesFile, Tls, Upstream

M = TypeVar("M", bound=BaseModel)

_STAND_INS = {Feature: {"new": "unknown"}, Route: {"path": "/"}, Upstream: {}}


@dataclass(slots=True)
class Draft:
    """values are None where nothing is left to look at.

    around: every place that has a damaged one in it. whole: no fault of shape was found.
    """

    upstreams: dict[str, Upstream | None] = field(default_factory=dict)
    features: dict[str, Feature | None] = field(default_factory=dict)
    routes: list[Route | None] = field(default_factory=list)
    trusted_proxies: tuple[str, ...] = ()
    proxy_protocol: tuple[str, ...] = ()
    tls: Tls | None = None
    encoded_slash: EncodedSlash | None = None
    cors: Cors | None = None
    kill_all: bool = False
    damaged: set[Loc] = field(default_factory=set)
    around: set[Loc] = field(default_factory=set)
    whole: bool = True

    def sound(self, *loc: str | int) -> bool:
        """Whether this key, and the part of the file that it stands in, were understood."""
        return not any(loc[:length] in self.damaged for length in range(1, len(loc) + 1))

    def damaged_below(self, *loc: str | int) -> bool:
        """Whether this key has a fault anywhere in it."""
        return loc in self.around

    def each_upstream(self) -> Iterable[tuple[str, Upstream]]:
        return ((name, upstream) for name, upstream in self.upstreams.items() if upstream is not None)

    def each_feature(self) -> Iterable[tuple[str, Feature]]:
        return ((name, feature) for name, feature in self.features.items() if feature is not None)

    def each_route(self) -> Iterable[tuple[int, Route]]:
        return ((index, route) for index, route in enumerate(self.routes) if route is not None)


def whole_draft(routes: RoutesFile) -> Draft:
    """Of a file without faults of shape."""
    return Draft(
        upstreams=dict(routes.upstreams),
        features=dict(routes.features),
        routes=list(routes.routes),
        trusted_proxies=routes.trusted_proxies,
        proxy_protocol=routes.proxy_protocol,
        tls=routes.tls,
        encoded_slash=routes.encoded_slash,
        cors=routes.cors,
        kill_all=routes.kill_all,
    )


def partial_draft(values: dict[str, Any], bad: Iterable[Loc]) -> Draft:
    """Of a file with faults at these places."""
    damaged = set(bad)
    for loc in list(damaged):
        # A misspelt key stands for the one that was probably meant: its absence is no second fault.
        meant = nearest(str(loc[-1]), fields_at(loc[:-1]))
        if meant is not None:
            damaged.add((*loc[:-1], meant))
    around = {loc[:length] for loc in damaged for length in range(1, len(loc) + 1)}
    draft = Draft(damaged=damaged, around=around, whole=False)
    draft.upstreams = _named(values, "upstreams", Upstream, damaged)
    draft.features = _named(values, "features", Feature, damaged)
    routes = values.get("routes")
    bad_keys = _bad_keys("routes", damaged)
    for index, value in enumerate(routes if isinstance(routes, list) else []):
        draft.routes.append(_salvage(value, Route, bad_keys.get(index, set())))
    draft.trusted_proxies = _texts(values, "trusted_proxies", draft)
    draft.proxy_protocol = _texts(values, "proxy_protocol", draft)
    if not draft.damaged_below("tls"):
        draft.tls = _salvage(values.get("tls"), Tls, set())
    if draft.sound("encoded_slash"):
        draft.encoded_slash = EncodedSlash(values.get("encoded_slash", EncodedSlash.REFUSE))
    draft.kill_all = values.get("kill_all") is True
    draft.cors = _salvage(values.get("cors"), Cors, {loc[1:] for loc in damaged if len(loc) > 1 and loc[0] == "cors"})
    return draft


def _texts(values: dict[str, Any], key: str, draft: Draft) -> tuple[str, ...]:
    """Of a list of texts, with nothing in the place of what is none."""
    found = values.get(key)
    if not draft.sound(key) or not isinstance(found, list):
        return ()
    return tuple(text if isinstance(text, str) else "" for text in found)


def _named(values: dict[str, Any], section: str, model: type[M], damaged: set[Loc]) -> dict[str, M | None]:
    entries = values.get(section)
    bad_keys = _bad_keys(section, damaged)
    return {
        name: _salvage(value, model, bad_keys.get(name, set()))
        for name, value in (entries.items() if isinstance(entries, dict) else ())
    }


def _bad_keys(section: str, damaged: set[Loc]) -> dict[str | int, set[Loc]]:
    """The damaged places of each entry of a section, counted from the entry."""
    found: dict[str | int, set[Loc]] = {}
    for loc in damaged:
        if len(loc) > 2 and loc[0] == section:
            found.setdefault(loc[1], set()).add(loc[2:])
    return found


def _salvage(value: Any, model: type[M], bad: set[Loc]) -> M | None:
    """The model of what is sound in `value`; None where that is not enough."""
    if not isinstance(value, dict):
        return None
    whole_keys: set[Loc] = {(loc[0],) for loc in bad}
    # First without the bad entries of mappings such as `headers` alone, then without all of each key with a fault.
    for dropped in (bad, whole_keys):
        sound = _STAND_INS.get(model, {}) | _without(value, dropped)
        try:
            return model.model_validate(sound, by_alias=True, by_name=False)
        except ValidationError:
            continue
    return None


def _without(value: dict[str, Any], dropped: set[Loc]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if (key,) in dropped:
            continue
        inner = {loc[1] for loc in dropped if len(loc) == 2 and loc[0] == key}
        kept[key] = {name: part for name, part in item.items() if name not in inner} if isinstance(item, dict) else item
    return kept
