"""Path rewriting: both prefixes are plain, and `from` begins every path that leads to it."""

import re
from collections.abc import Iterable

from gateway.config.faults import Loc
from gateway.config.patterns import parse_pattern
from gateway.config.report import Report
from gateway.config.schema import Rewrite

_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()+,;=:@/-]*")


def lint_rewrite(loc: Loc, rewrite: Rewrite, paths: Iterable[tuple[int, str]], report: Report) -> None:
    """paths: of the routes that lead to this rewrite, with their indexes."""
    from_fault, to_fault = _path_fault(rewrite.from_), _path_fault(rewrite.to)
    if from_fault is not None:
        report.fault((*loc, "from"), *from_fault)
    if to_fault is not None:
        report.fault((*loc, "to"), *to_fault)
    if from_fault is not None:
        return
    for index, path in paths:
        if _begins(rewrite.from_, path) is False:
            line = report.line(("routes", index, "path"))
            problem = f'"{rewrite.from_}" is no prefix of the path {path} (line {line}), whose requests come here too'
            report.fault((*loc, "from"), problem, "use a prefix that all its routes share, or another feature")


def _begins(prefix: str, path: str) -> bool | None:
    """Whether every request of a route's path begins with the prefix; None where the path is at fault itself."""
    try:
        segments = parse_pattern(path).segments
    except ValueError:
        return None
    wanted = tuple(part.encode() for part in prefix.split("/")[1:] if part)
    return segments[: len(wanted)] == wanted


def _path_fault(path: str) -> tuple[str, str] | None:
    if not path.startswith("/"):
        return f'"{path}" does not start with "/"', f'write "/{path.strip("/")}"'
    if "?" in path or "#" in path:
        return f'"{path}" has a query or a fragment', "write the path alone"
    if path.endswith("/*"):
        return f'"{path}" ends in /*, but it is a prefix already', f'write "{path[:-2] or "/"}"'
    if _PLAIN.fullmatch(path) is None:
        return f'"{path}" has a character that a prefix cannot have', "use plain path characters, without escapes"
    if any(part in (".", "..") for part in path.split("/")):
        return f'"{path}" has a dot segment', "write the path that is meant"
    if "//" in path or (path.endswith("/") and path != "/"):
        return f'"{path}" has an empty segment', f'write "{re.sub("/+", "/", path).rstrip("/") or "/"}"'
    return None
