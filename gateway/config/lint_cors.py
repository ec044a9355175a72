"""CORS: origins one by one, as browsers send them, and lists that mean what they say."""

import re

from gateway.config.draft import Draft
from gateway.config.faults import Loc
from gateway.config.report import TOKEN, Report
from gateway.config.schema import Cors

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_LOOSE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@]+)")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_EXAMPLE = "list each origin in full, e.g. https://app.example.com"


def lint_cors(draft: Draft, report: Report) -> None:
    if draft.cors is not None:
        _lint(("cors",), draft.cors, draft, report)
    for index, route in draft.each_route():
        loc: Loc = ("routes", index, "cors")
        if route.cors is None:
            continue
        if not route.cors.is_off:
            _lint(loc, route.cors, draft, report)
        elif draft.cors is None and draft.sound("cors"):
            report.warn(loc, "switches off what is not on: there is no cors for all routes", "remove it", at_key=True)


def _lint(loc: Loc, cors: Cors, draft: Draft, report: Report) -> None:
    if draft.sound(*loc, "origins"):
        _lint_list((*loc, "origins"), cors.origins, report)
    for key, names in (("headers", cors.headers), ("exposed_headers", cors.exposed_headers)):
        if draft.sound(*loc, key):
            _lint_names((*loc, key), names, report)
    if draft.sound(*loc, "methods"):
        _lint_methods((*loc, "methods"), cors, report)


def _lint_list(loc: Loc, origins: tuple[str, ...], report: Report) -> None:
    for place, origin in enumerate(origins):
        fault = _origin_fault(origin)
        if fault is None and origin in origins[:place]:
            fault = f'"{origin}" is in the list already', "remove it"
        if fault is not None:
            report.fault((*loc, place), *fault)


def _origin_fault(origin: str) -> tuple[str, str] | None:
    """An origin is compared byte for byte with what the browser sends (RFC 6454 section 6.2)."""
    if origin == "*":
        return '"*" lets every site read the replies', _EXAMPLE
    if origin.lower() == "null":
        return '"null" is the origin of any sandboxed page and of local files', _EXAMPLE
    if "*" in origin:
        return f'"{origin}" is a pattern, and origins are compared whole', _EXAMPLE
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return f'"{origin}" is no origin as browsers send it', f"write it like {_nearest(origin)}"
    scheme, host, port = found.groups()
    if port is not None and port == _DEFAULT_PORTS.get(scheme):
        return f'"{origin}" has the port that browsers leave out', f"write {scheme}://{host}"
    if port is not None and int(port) > 65_535:
        return f'"{origin}" has a port that is none', "write a port up to 65535"
    return None


def _nearest(origin: str) -> str:
    """What was probably meant: without a path, in lower case, in ASCII."""
    loose = _LOOSE.match(origin)
    if loose is None:
        return "https://app.example.com"
    try:
        host = loose[2].encode("idna").decode() if not loose[2].isascii() else loose[2]
    except UnicodeError:
        host = "app.example.com"
    meant = f"{loose[1]}://{host}".lower()
    return meant if _ORIGIN.fullmatch(meant) else "https://app.example.com"


def _lint_methods(loc: Loc, cors: Cors, report: Report) -> None:
    for place, method in enumerate(cors.methods):
        if method == "*":
            report.fault((*loc, place), '"*" is no method', "list each, e.g. [GET, HEAD, POST, PUT, DELETE]")
        elif TOKEN.fullmatch(method) is None:
            report.fault((*loc, place), f'"{method}" is no method', "write it like GET")
        elif method != method.upper():
            report.fault((*loc, place), f'"{method}" is not "{method.upper()}" on the wire', f"write {method.upper()}")
        elif method in cors.methods[:place]:
            report.fault((*loc, place), f"{method} is in the list already", "remove it")


def _lint_names(loc: Loc, names: tuple[str, ...], report: Report) -> None:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name == "*":
            problem = '"*" means a header of that name where there are credentials'
            report.fault((*loc, place), problem, "list each header, e.g. x-request-id")
        elif TOKEN.fullmatch(name) is None:
            report.fault((*loc, place), f'"{name}" is no name of a header', "write it like x-request-id")
        elif name.lower() in seen:
            report.fault((*loc, place), f"{name} is in the list already", "remove it: names have no case")
        seen.add(name.lower())
