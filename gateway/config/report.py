"""Collects what lint finds, each at its place in the file."""

import re
from dataclasses import dataclass, field

from gateway.config.draft import Draft
from gateway.config.faults import Fault, Loc
from gateway.config.nodes import Document

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""RFC 9110, 5.6.2: what header names, cookie names and methods are made of."""

OWN_HEADERS = "x-gateway-"
"""Headers that the gateway sets, and removes from requests before anything looks at them."""


@dataclass(slots=True)
class Report:
    document: Document
    draft: Draft
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def fault(self, loc: Loc, problem: str, remedy: str, *, at_key: bool = False) -> None:
        self.faults.append(self.document.report(loc, problem, remedy, at_key=at_key))

    def warn(self, loc: Loc, problem: str, remedy: str, *, at_key: bool = False) -> None:
        self.warnings.append(self.document.report(loc, problem, remedy, at_key=at_key))

    def line(self, loc: Loc, *, at_key: bool = False) -> int:
        return self.document.line(loc, at_key=at_key)
