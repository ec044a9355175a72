"""routes.yaml from text to a validated `RoutesFile`, or to every fault it has. No side effects.

Called by `gateway check`, by the control process for each edit, and at start. Text to values and their places is
nodes.py, shape and single values schema.py, what keys mean to each other lint.py. The one thing that is read beside the
text are the files that it names, and only where `files` is given.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.draft import Draft, partial_draft, whole_draft
from gateway.config.faults import Fault, Loc
from gateway.config.lint import lint
from gateway.config.messages import ROUTES, Grammar, explain
from gateway.config.nodes import Document, decode
from gateway.config.report import Report
from gateway.config.schema import RoutesFile
from gateway.config.tls_files import with_absolute_files

Inspection = Callable[[Draft, Report], None]
"""More that is looked at, by whoever may look: `gateway.certificate_files` opens the files that routes.yaml names."""

MAX_BYTES = 64 * 1024 * 1024

__all__ = ["MAX_BYTES", "Fault", "Inspection", "Loaded", "load", "translate"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """routes: None where there are faults. warnings: what works, but is probably not meant. sha256: of the bytes.

    files: those that were looked at beside it, for whether there are faults depends on them too.
    """

    routes: RoutesFile | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    sha256: str
    files: frozenset[Path] = frozenset()


def load(
    source: str | bytes,
    filename: str = "routes.yaml",
    *,
    files: Path | None = None,
    inspect: Inspection | None = None,
) -> Loaded:
    """Everything that is wrong with the file, by position, or its routes. filename: only for the faults.

    files: the directory from which relative names of files are meant. Given, the files that routes.yaml names are
    looked at, and its routes name them whole. inspect: what else is looked at.
    """
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    sha256 = hashlib.sha256(data).hexdigest()
    if len(data) > MAX_BYTES:
        fault = Fault(1, 1, "", f"the file is over {MAX_BYTES} bytes", "split it between gateways", filename)
        return Loaded(None, (fault,), (), sha256)
    text, bad_byte = decode(data)
    if bad_byte is not None:
        fault = Fault(*bad_byte, "", "a byte that is no UTF-8 stands here", "save the file as UTF-8", filename)
        return Loaded(None, (fault,), (), sha256)
    document = Document(text, filename)
    routes, faults, found = _validate(document, files, inspect)
    ordered = tuple(sorted({*document.faults, *faults, *found.faults}))
    warnings = tuple(sorted(set(found.warnings)))
    return Loaded(None if ordered else routes, ordered, warnings, sha256, frozenset(found.files))


def _validate(
    document: Document, files: Path | None, inspect: Inspection | None
) -> tuple[RoutesFile | None, list[Fault], Report]:
    """The routes, the faults of their shape, and what lint has found."""
    if not isinstance(document.values, dict):
        return None, [], Report(document, Draft(whole=False))
    try:
        routes = RoutesFile.model_validate(document.values, by_alias=True, by_name=False)
    except ValidationError as error:
        faults, bad = translate(document, error)
        draft = partial_draft(document.values, bad | document.unusable)
        return None, faults, _inspected(draft, document, files, inspect)
    # A key given twice is reported by the document alone; the first was used.
    found = _inspected(whole_draft(routes), document, files, inspect)
    if files is not None:
        routes = with_absolute_files(routes, files)
    return routes, [], found


def _inspected(draft: Draft, document: Document, files: Path | None, inspect: Inspection | None) -> Report:
    found = lint(draft, document, files)
    if inspect is not None:
        inspect(draft, found)
    return found


def translate(document: Document, error: ValidationError, grammar: Grammar = ROUTES) -> tuple[list[Fault], set[Loc]]:
    """The faults that the document has not reported yet, and the places that must not be looked at further."""
    faults: list[Fault] = []
    bad: set[Loc] = set()
    for detail in error.errors(include_url=False):
        if _is_echo(detail["type"], detail["input"]) or _reported(document, detail["loc"]):
            continue
        loc, at_key, problem, remedy = explain(detail, grammar)
        bad.add(loc)
        faults.append(document.report(loc, problem, remedy, at_key=at_key))
    return faults, bad


def _is_echo(kind: str, value: Any) -> bool:
    """Pydantic counts a list or mapping whose only entry is wrong as empty."""
    return kind == "too_short" and bool(value)


def _reported(document: Document, loc: Loc) -> bool:
    return any(loc[:length] in document.unusable for length in range(len(loc) + 1))
