"""Collects what lint finds, each at its place in the file."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config.draft import Draft
from gateway.config.faults import Fault, Loc, nearest
from gateway.config.nodes import Document

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, 5.6.2: what header names, cookie names and methods are made of."""

OWN_HEADERS = "x-gateway-"
"""Headers that the gateway sets, and removes from requests before anything looks at them."""


_SUGGESTIONS = 200
"""Looking for the nearest of thousands of names takes milliseconds: beyond this many, the fault stands alone."""


@dataclass(slots=True)
class Report:
    document: Document
    draft: Draft
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)
    suggestions_left: int = _SUGGESTIONS

    def fault(self, loc: Loc, problem: str, remedy: str, *, at_key: bool = False) -> None:
        self.faults.append(self.document.report(loc, problem, remedy, at_key=at_key))

    def warn(self, loc: Loc, problem: str, remedy: str, *, at_key: bool = False) -> None:
        self.warnings.append(self.document.report(loc, problem, remedy, at_key=at_key))

    def nearest(self, name: str, known: Collection[str]) -> str | None:
        """The known name that was probably meant."""
        if self.suggestions_left <= 0:
            return None
        self.suggestions_left -= 1
        return nearest(name, known)

    def line(self, loc: Loc, *, at_key: bool = False) -> int:
        return self.document.line(loc, at_key=at_key)
