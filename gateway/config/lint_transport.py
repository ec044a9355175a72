"""How an upstream is spoken to: `tls`, `http2` and `client`, and what they mean to its URLs and to each other."""

import ipaddress
import re

from gateway.config.faults import Loc
from gateway.config.report import Report
from gateway.config.schema import Upstream

_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")


def lint_transport(name: str, upstream: Upstream, report: Report) -> None:
    """Called with URLs that were understood."""
    if report.draft.sound("upstreams", name, "http2") and report.draft.sound("upstreams", name, "client"):
        _lint_http2(name, upstream, report)
    if "tls" in upstream.model_fields_set and not report.draft.damaged_below("upstreams", name, "tls"):
        _lint_tls(name, upstream, report)


def is_host_name(text: str) -> bool:
    """Letters, digits, `-`, `_` and dots; an IPv4 address passes too."""
    return _HOST.fullmatch(text) is not None


def _lint_http2(name: str, upstream: Upstream, report: Report) -> None:
    loc: Loc = ("upstreams", name, "http2")
    if not upstream.http2:
        return
    if upstream.client == "http1" and "client" in upstream.model_fields_set:
        report.fault(loc, "needs another client than http1, which speaks HTTP/1.1 alone", "remove client")
    plain = [url for url in upstream.targets if url.lower().startswith("http:")]
    if plain:
        problem = f"is spoken over TLS alone, and {plain[0]} is none"
        report.fault(loc, problem, "write https:// in every URL, or remove http2")


def _lint_tls(name: str, upstream: Upstream, report: Report) -> None:
    loc: Loc = ("upstreams", name, "tls")
    tls = upstream.tls
    if not upstream.is_secure:
        if upstream.targets:
            report.fault(loc, "says nothing: no URL begins with https://", "write https://, or remove tls", at_key=True)
        return
    if tls.key_file is not None and tls.certificate_file is None:
        report.fault((*loc, "key_file"), "is a key without a certificate", "add certificate_file, or remove it")
    if tls.server_name is not None:
        _lint_server_name((*loc, "server_name"), tls.server_name, report)
    if tls.insecure_skip_verify:
        _lint_insecure(loc, upstream, report)


def _lint_server_name(loc: Loc, server_name: str, report: Report) -> None:
    if _is_address(server_name):
        problem = f'"{server_name}" is an address; it is verified where it stands in the URL'
        report.fault(loc, problem, "remove it, or write the name that the certificate has")
    elif not is_host_name(server_name) or server_name.endswith("."):
        problem = f'"{server_name}" is no host name'
        report.fault(loc, problem, "write the name that the certificate has, like api.internal")


def _lint_insecure(loc: Loc, upstream: Upstream, report: Report) -> None:
    if upstream.tls.ca_file is not None:
        problem = "is never used: insecure_skip_verify believes every certificate"
        report.fault((*loc, "ca_file"), problem, "remove insecure_skip_verify")
    problem = "NOBODY IS VERIFIED: whoever answers at this address is taken for the upstream, and reads what users send"
    report.warn((*loc, "insecure_skip_verify"), problem, "remove it, and give ca_file")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
