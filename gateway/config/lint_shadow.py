"""Shadows and comparisons: what would happen twice, what is never sent or looked at, and retired features, which have
nothing to be compared with or to go back to.
"""

from collections.abc import Iterable

from gateway.config.comparison import HEADER, Compare
from gateway.config.draft import Draft
from gateway.config.faults import Loc
from gateway.config.report import OWN_HEADERS, TOKEN, Report
from gateway.config.schema import Feature, Route
from gateway.config.shadow import SAFE
from gateway.model import NONE

_OF_BOTH_SIDES = (
    ("flag", "flag"),
    ("basis_points", "percent"),
    ("kill", "kill"),
    ("key", "key"),
    ("no_key", "no_key"),
    ("on_unhealthy", "on_unhealthy"),
    ("fallback", "fallback"),
    ("fallback_on", "fallback_on"),
    ("fallback_max_in_flight", "fallback_max_in_flight"),
    ("override", "override"),
    ("reversible", "reversible"),
    ("shadow_basis_points", "shadow_percent"),
    ("noise_basis_points", "noise_percent"),
    ("compare", "compare"),
)
"""Keys of a feature that mean nothing where there is one side: as the model calls them, and as the file does."""

_JSON_ONLY = ("unordered", "tolerance")


def lint_shadow(draft: Draft, report: Report) -> None:
    for name, feature in draft.each_feature():
        if feature.is_retired and draft.sound("features", name, "legacy"):
            _lint_retired(name, feature, draft, report)
        else:
            _lint_feature(name, feature, draft, report)
    for index, route in draft.each_route():
        loc: Loc = ("routes", index)
        given = [key for key in ("shadow", "compare") if key in route.model_fields_set]
        nothing = _nothing_to_compare(route, draft)
        for key in given:
            if nothing is not None:
                report.fault((*loc, key), nothing, "remove it", at_key=True)
        if "shadow" in given and nothing is None and not route.shadow.is_off and draft.sound(*loc, "shadow"):
            _lint_methods(index, route, draft, report)
        if draft.sound(*loc, "compare"):
            _lint_compare((*loc, "compare"), route.compare, report)


def _nothing_to_compare(route: Route, draft: Draft) -> str | None:
    """Why a route has no other side that a request could be sent to."""
    if route.upstream is not None:
        return "says nothing on a route with an upstream: there is no other side"
    feature = draft.features.get(route.feature) if route.feature is not None else None
    if feature is not None and feature.is_retired and draft.sound("features", str(route.feature), "legacy"):
        return f'says nothing: feature "{route.feature}" is retired, and has no other side'
    return None


def _lint_retired(name: str, feature: Feature, draft: Draft, report: Report) -> None:
    loc: Loc = ("features", name)
    problem = "says nothing without legacy: the feature is retired, and everything goes to new"
    for field, key in _OF_BOTH_SIDES:
        if field in feature.model_fields_set:
            report.fault((*loc, key), problem, "remove it, or name the upstream of legacy", at_key=True)
    if feature.rewrite.legacy is not None:
        report.fault((*loc, "rewrite", "legacy"), problem, "remove it", at_key=True)
    if draft.kill_all:
        problem = f'does not move feature "{name}", which is retired: it stays on new'
        report.warn(("kill_all",), problem, "name its legacy, where there still is one")


def _lint_feature(name: str, feature: Feature, draft: Draft, report: Report) -> None:
    loc: Loc = ("features", name)
    if draft.sound(*loc, "compare"):
        _lint_compare((*loc, "compare"), feature.compare, report)
    if feature.shadow_basis_points == feature.noise_basis_points == NONE:
        return
    routes = [(index, route) for index, route in draft.each_route() if route.feature == name]
    if feature.shadow_basis_points > NONE and draft.whole and routes and not any(_may_be(route) for _, route in routes):
        problem = "no route of the feature may be shadowed, so nothing is sent to the other side"
        report.warn((*loc, "shadow_percent"), problem, "see `shadow` of its routes")
    if feature.noise_basis_points > NONE:
        for index, route in routes:
            _lint_noise(name, index, route, report)


def _may_be(route: Route) -> bool:
    silent = route.stream and "shadow" not in route.model_fields_set
    return not silent and bool(set(route.shadow.methods).intersection(route.methods or route.shadow.methods))


def _lint_noise(name: str, index: int, route: Route, report: Report) -> None:
    unsafe = _unsafe(route.shadow.methods)
    if unsafe:
        problem = f"legacy is never asked twice for {unsafe}, whatever noise_percent of feature {name} says"
        remedy = "what it does to those stays unknown; keep noisy places of their replies in compare"
        report.warn(("routes", index, "shadow"), problem, remedy, at_key=True)


def _lint_methods(index: int, route: Route, draft: Draft, report: Report) -> None:
    loc: Loc = ("routes", index, "shadow", "methods")
    given = route.shadow.methods if "methods" in route.shadow.model_fields_set else ()
    for place, method in enumerate(given):
        if TOKEN.fullmatch(method) is None:
            report.fault((*loc, place), f'"{method}" is no method', "write it like GET")
        elif method != method.upper():
            report.fault((*loc, place), f'"{method}" is not "{method.upper()}" on the wire', f"write {method.upper()}")
        elif method in given[:place]:
            report.fault((*loc, place), f"{method} is in the list already", "remove it")
        elif route.methods and draft.sound("routes", index, "methods") and method not in route.methods:
            report.fault((*loc, place), f"the route does not take {method}", "remove it, or add it to its methods")
        elif method not in SAFE:
            problem = f"a write happens twice: each {method} that is shadowed is carried out by both sides"
            report.warn((*loc, place), problem, "leave it out, but where both sides carry it out as if it were one")
    if route.stream:
        problem = "replies of this route may never end, and a shadow whose reply does not is dropped"
        report.warn(("routes", index, "shadow"), problem, "write shadow: false", at_key=True)


def _unsafe(methods: Iterable[str]) -> str:
    return " and ".join(method for method in methods if method not in SAFE)


def _lint_compare(loc: Loc, compare: Compare, report: Report) -> None:
    """Rules that can never match anything."""
    ignored = set(compare.ignore)
    for place, text in enumerate(compare.ignore):
        if text in compare.ignore[:place]:
            report.fault((*loc, "ignore", place), f"{text} is in the list already", "remove it")
        _lint_place((*loc, "ignore", place), text, compare, report)
    for key in ("same", "tolerance"):
        for text in getattr(compare, key):
            if text in ignored:
                report.warn((*loc, key, text), f"{text} is ignored, so this says nothing", "keep one", at_key=True)
            _lint_place((*loc, key, text), text, compare, report, at_key=True)
    for place, rule in enumerate(compare.unordered):
        if rule.path in ignored:
            report.warn((*loc, "unordered", place), f"{rule.path} is ignored, so this says nothing", "keep one")
        _lint_place((*loc, "unordered", place), rule.path, compare, report)
    for place, name in enumerate(compare.headers or ()):
        if name.lower() in (other.lower() for other in (compare.headers or ())[:place]):
            report.fault((*loc, "headers", place), f"{name} is in the list already", "remove it: names have no case")


def _lint_place(loc: Loc, text: str, compare: Compare, report: Report, *, at_key: bool = False) -> None:
    if text.startswith(HEADER):
        name = text.removeprefix(HEADER).lower()
        listed = compare.headers is None or name in (header.lower() for header in compare.headers)
        if name.startswith(OWN_HEADERS) or not listed:
            report.warn(loc, f"{text} is not compared, so this says nothing", "remove it", at_key=at_key)
    elif compare.body in ("text", "digest", "ignore"):
        problem = f"{text} is a place in JSON, and bodies are not compared as that (body: {compare.body})"
        report.warn(loc, problem, "remove one of the two", at_key=at_key)
