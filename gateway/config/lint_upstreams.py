"""Addresses: the URLs of upstreams and the networks of trusted proxies and of balancers."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from gateway.config.draft import Draft
from gateway.config.faults import Loc
from gateway.config.lint_transport import is_host_name, lint_transport
from gateway.config.report import Report
from gateway.config.schema import Breaker, Upstream


def lint_upstreams(draft: Draft, report: Report) -> None:
    for name, upstream in draft.each_upstream():
        if draft.sound("upstreams", name, "url") and draft.sound("upstreams", name, "urls"):
            _lint_targets(name, upstream, report)
            lint_transport(name, upstream, report)
        if draft.sound("upstreams", name, "max_in_flight"):
            _lint_cap(name, upstream, report)
        if draft.sound("upstreams", name, "ejection"):
            _lint_ejection(name, upstream, report)
        if draft.sound("upstreams", name, "breaker"):
            _lint_breaker(name, upstream.breaker, report)


def _lint_cap(name: str, upstream: Upstream, report: Report) -> None:
    loc: Loc = ("upstreams", name)
    if upstream.max_in_flight is None:
        for key in sorted(upstream.model_fields_set & {"queue", "queue_timeout_seconds"}):
            report.fault((*loc, key), "says nothing without max_in_flight", "add max_in_flight", at_key=True)
        return
    connections = upstream.max_connections * len(upstream.targets)
    if not upstream.uses_httpx and upstream.max_in_flight > connections > 0:
        problem = f"is never reached: max_connections let {connections} requests through"
        report.warn((*loc, "max_in_flight"), problem, "raise max_connections, or lower it")


def _lint_ejection(name: str, upstream: Upstream, report: Report) -> None:
    loc: Loc = ("upstreams", name, "ejection")
    ejection = upstream.ejection
    if ejection.max_seconds < ejection.seconds:
        where = "max_seconds" if "max_seconds" in ejection.model_fields_set else "seconds"
        problem = f"leaves a URL out for {ejection.seconds:g} s at first and {ejection.max_seconds:g} s at most"
        report.fault((*loc, where), problem, "raise max_seconds to seconds or more")
    slow_start_alone = upstream.health is not None and ejection.model_fields_set <= {"slow_start_seconds"}
    if "ejection" in upstream.model_fields_set and len(upstream.targets) == 1 and not slow_start_alone:
        problem = "does nothing: the only URL is never left out"
        report.warn(loc, problem, "use breaker, or add more addresses under urls", at_key=True)


def _lint_breaker(name: str, breaker: Breaker, report: Report) -> None:
    loc: Loc = ("upstreams", name, "breaker")
    if not breaker.enabled and len(breaker.model_fields_set) > 1:
        report.fault(loc, "is off, so its other keys say nothing", "keep enabled: false alone", at_key=True)
    elif breaker.max_open_seconds < breaker.open_seconds:
        where = "max_open_seconds" if "max_open_seconds" in breaker.model_fields_set else "open_seconds"
        problem = f"stays open for {breaker.open_seconds:g} s at first and {breaker.max_open_seconds:g} s at most"
        report.fault((*loc, where), problem, "raise max_open_seconds to open_seconds or more")


def _lint_targets(name: str, upstream: Upstream, report: Report) -> None:
    if upstream.url is not None and upstream.urls:
        report.fault(("upstreams", name, "urls"), "given beside url", "keep one: urls, with every address", at_key=True)
    elif upstream.url is None and not upstream.urls:
        where: Loc = ("upstreams", name, "urls") if "urls" in upstream.model_fields_set else ("upstreams", name)
        report.fault(where, "has no address", 'add url: "http://127.0.0.1:9001"')
    if upstream.url is not None:
        _lint_url(("upstreams", name, "url"), upstream.url, report)
    seen: dict[str, int] = {}
    for index, url in enumerate(upstream.urls):
        loc: Loc = ("upstreams", name, "urls", index)
        _lint_url(loc, url, report)
        if url.lower() in seen:
            first = report.line(("upstreams", name, "urls", seen[url.lower()]))
            report.fault(loc, f"the same address as on line {first}", "keep one of them")
        seen.setdefault(url.lower(), index)


def _lint_url(loc: Loc, url: str, report: Report) -> None:
    try:
        _check_url(url)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        report.fault(loc, f'"{url}" {problem}', remedy)


def _check_url(url: str) -> None:
    """Raises ValueError: what is wrong; what would be right."""
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise ValueError("has a space or a character that no address has; write it like http://127.0.0.1:9001")
    parts = _split(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"does not begin with http:// or https://; write http://{url.rpartition('//')[2]}")
    if "@" in parts.netloc:
        raise ValueError("has a user or password; leave them out, for addresses are shown in logs and status")
    if not parts.hostname or not _is_host(parts):
        raise ValueError("has no valid host; write it like http://127.0.0.1:9001")
    port = parts.netloc.rpartition("]")[2].partition(":")
    if port[1] and not (port[2].isdigit() and 1 <= int(port[2][:6]) <= 65_535):
        raise ValueError("has no valid port; use 1 to 65535")
    if parts.path or "?" in url or "#" in url:
        raise ValueError(f"has a path, query or fragment; write {parts.scheme}://{parts.netloc}, and paths as rewrite")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("is no address; write it like http://127.0.0.1:9001") from None


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if not parts.netloc.startswith("["):
        return is_host_name(host)
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def lint_proxies(draft: Draft, report: Report) -> None:
    for key, networks in (("trusted_proxies", draft.trusted_proxies), ("proxy_protocol", draft.proxy_protocol)):
        for index, text in enumerate(networks):
            if draft.sound(key, index):
                _lint_network((key, index), text, report)


def _lint_network(loc: Loc, text: str, report: Report) -> None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        report.fault(loc, f'"{text}" is no network', "write it like 10.0.0.0/8 or fd00::/8")
        return
    if "/" in text and str(network) != str(ipaddress.ip_interface(text)):
        report.fault(loc, f'"{text}" has bits set behind its prefix', f"write {network}, or the one address alone")
