"""Routes: where each leads, and whether its path, host, methods and headers can be met at all."""

import re

from gateway.config.draft import Draft
from gateway.config.faults import Loc
from gateway.config.lint_rewrites import lint_rewrite
from gateway.config.patterns import parse_pattern
from gateway.config.report import OWN_HEADERS, TOKEN, Report
from gateway.config.schema import EncodedSlash, Route

_LABELS = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
_IPV6 = re.compile(r"\[[0-9A-Fa-f:.]+\]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def lint_routes(draft: Draft, report: Report) -> None:
    for index, route in draft.each_route():
        if draft.sound("routes", index, "path"):
            _lint_path(index, route, draft.encoded_slash, report)
        if route.host is not None and (fault := _host_fault(route.host)) is not None:
            report.fault(("routes", index, "host"), *fault)
        if draft.sound("routes", index, "methods"):
            _lint_methods(index, route, report)
        _lint_headers(index, route, report)
        if draft.sound("routes", index, "feature") and draft.sound("routes", index, "upstream"):
            _lint_target(index, route, report)
        if route.fallback_idempotent:
            _lint_fallback(index, route, draft, report)


def _lint_target(index: int, route: Route, report: Report) -> None:
    if route.feature is not None and route.upstream is not None:
        problem = "names a feature and an upstream"
        report.fault(("routes", index, "upstream"), problem, "keep one of them", at_key=True)
    elif route.feature is None and route.upstream is None:
        report.fault(("routes", index), "leads nowhere", "add feature: NAME or upstream: NAME")
    if route.rewrite is None:
        return
    loc: Loc = ("routes", index, "rewrite")
    if route.upstream is None and route.feature is not None:
        remedy = f"write it under features.{route.feature}.rewrite, for each side"
        report.fault(loc, "works only on a route with an upstream", remedy, at_key=True)
    lint_rewrite(loc, route.rewrite, [(index, route.path)], report)


def _lint_fallback(index: int, route: Route, draft: Draft, report: Report) -> None:
    loc: Loc = ("routes", index, "fallback_idempotent")
    feature = draft.features.get(route.feature) if route.feature is not None else None
    if route.feature is None:
        report.fault(loc, "says nothing on a route with an upstream", "remove it", at_key=True)
    elif feature is not None and feature.fallback is None and draft.sound("features", route.feature, "fallback"):
        remedy = f"add fallback: legacy to features.{route.feature}"
        report.fault(loc, f'says nothing: feature "{route.feature}" has no fallback', remedy, at_key=True)


def _lint_path(index: int, route: Route, encoded_slash: EncodedSlash | None, report: Report) -> None:
    loc: Loc = ("routes", index, "path")
    try:
        parse_pattern(route.path)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        report.fault(loc, f'"{route.path}" {problem}', remedy)
        return
    slash = "%2f" in route.path.lower()
    if slash and encoded_slash not in (EncodedSlash.DATA, None):
        problem = f'"{route.path}" has %2F, which never stays in a path with encoded_slash: {encoded_slash}'
        report.fault(loc, problem, "write a plain slash, or encoded_slash: data")


def _host_fault(host: str) -> tuple[str, str] | None:
    if host in ("*", ""):
        return "matches every host", "leave host out"
    if "://" in host or "/" in host:
        return f'"{host}" is an address', "write the host name alone, e.g. www.example.com"
    if _IPV6.fullmatch(host):
        return None
    name, colon, _ = host.partition(":")
    if colon:
        return f'"{host}" has a port, which is not compared', f'write "{name}"'
    if host.endswith("."):
        return f'"{host}" ends in a dot', f'write "{host.rstrip(".")}"'
    if not host.isascii():
        return f'"{host}" is not as browsers send it', f'write "{_in_ascii(host)}"'
    if len(host) > 253 or _LABELS.fullmatch(host.removeprefix("*.")) is None:
        return f'"{host}" is no host name', "write it like www.example.com or *.example.com"
    return None


def _in_ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return "xn--..."


def _lint_methods(index: int, route: Route, report: Report) -> None:
    if "methods" in route.model_fields_set and not route.methods:
        report.fault(("routes", index, "methods"), "is empty", "leave it out for any method, or list some")
    seen: set[str] = set()
    for place, method in enumerate(route.methods):
        loc: Loc = ("routes", index, "methods", place)
        if TOKEN.fullmatch(method) is None:
            report.fault(loc, f'"{method}" is no method', "write it like GET")
        elif method != method.upper():
            report.fault(loc, f'"{method}" is not "{method.upper()}" on the wire', f"write {method.upper()}")
        elif method in seen:
            report.fault(loc, f"{method} is in the list already", "remove it")
        seen.add(method)


def _lint_headers(index: int, route: Route, report: Report) -> None:
    seen: dict[str, str] = {}
    for name, value in route.headers.items():
        loc: Loc = ("routes", index, "headers", name)
        first = seen.setdefault(name.lower(), name)
        if first != name:
            report.fault(loc, f'the same header as "{first}": names have no case', "keep one of them", at_key=True)
        if TOKEN.fullmatch(name) is None:
            report.fault(loc, f'"{name}" is no name of a header', "write it like x-client-version", at_key=True)
        if name.lower().startswith(OWN_HEADERS):
            problem = f'"{name}" is the gateway\'s own and removed from requests'
            report.fault(loc, problem, "match a header that clients send", at_key=True)
        if value != value.strip() or _CONTROL.search(value):
            remedy = "write the value as it arrives, without spaces around it"
            report.fault(loc, "begins or ends with a space, or has a control character", remedy)
