"""A scenario file from text to a `Scenario`, or to every fault that it has, each with its line and what would be right.

Read as routes.yaml is (gateway/config): no bare word is guessed at, and nothing is used of a file with a fault.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.faults import Fault, Loc, did_you_mean
from gateway.config.load import translate
from gateway.config.messages import Grammar
from gateway.config.nodes import Document, decode
from gateway.rules.keys import parse_source
from gateway.verify.schema import Scenario, Step
from gateway.verify.template import names_in

GRAMMAR = Grammar(Scenario, "docs/verify.md")
BUILT_IN = ("unique", "uuid")
MAX_BYTES = 16 * 1024 * 1024
_BODIES = ("json", "text", "form", "multipart")
_CONTENTS = ("text", "base64", "file")


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """scenario: None where there are faults. file: names of files in it are relative to where it is."""

    file: Path
    scenario: Scenario | None
    faults: tuple[Fault, ...]


def load_scenario(file: Path) -> LoadedScenario:
    """Never raises: a file that cannot be read is a fault."""
    try:
        data = file.read_bytes()
    except OSError as error:
        fault = Fault(1, 1, "", f"cannot be read: {error.strerror or error}", "give the path of a scenario", str(file))
        return LoadedScenario(file, None, (fault,))
    return parse_scenario(data, file)


def parse_scenario(data: bytes, file: Path) -> LoadedScenario:
    """The same for a text that is there already."""
    text, bad_byte = decode(data)
    if bad_byte is not None or len(data) > MAX_BYTES:
        line, column = bad_byte or (1, 1)
        problem = f"the file is over {MAX_BYTES} bytes" if bad_byte is None else "a byte that is no UTF-8 stands here"
        remedy = "split it" if bad_byte is None else "save the file as UTF-8"
        return LoadedScenario(file, None, (Fault(line, column, "", problem, remedy, str(file)),))
    document = Document(text, str(file), kind="a scenario", start="start with feature: NAME and steps")
    scenario, faults = _validate(document, file)
    ordered = tuple(sorted({*document.faults, *faults}))
    return LoadedScenario(file, None if ordered else scenario, ordered)


def _validate(document: Document, file: Path) -> tuple[Scenario | None, list[Fault]]:
    if not isinstance(document.values, dict):
        return None, []
    try:
        scenario = Scenario.model_validate(document.values, by_alias=True, by_name=False)
    except ValidationError as error:
        return None, translate(document, error, GRAMMAR)[0]
    return scenario, _Lint(document, scenario, file).faults


class _Lint:
    """What keys mean to each other."""

    def __init__(self, document: Document, scenario: Scenario, file: Path) -> None:
        self.faults: list[Fault] = []
        self._document = document
        self._folder = file.parent
        self._known = list(BUILT_IN)
        self._names: dict[str, int] = {}
        self._user(scenario.user)
        for name in scenario.variables:
            self._define(name, ("variables", name))
        for section, steps in (("setup", scenario.setup), ("steps", scenario.steps)):
            for index, step in enumerate(steps):
                self._step((section, index), step)

    def _fault(self, loc: Loc, problem: str, remedy: str, *, at_key: bool = False) -> None:
        self.faults.append(self._document.report(loc, problem, remedy, at_key=at_key))

    def _user(self, text: str) -> None:
        try:
            kind = parse_source(text).kind
        except ValueError:
            kind = "client_ip"
        if kind not in ("cookie", "header"):
            self._fault(("user",), f'"{text}" is nothing that a player can send', "write cookie:NAME or header:NAME")

    def _define(self, name: str, loc: Loc) -> None:
        self._placeholders(loc, self._raw(loc))
        if name in BUILT_IN:
            self._fault(loc, f"{{{name}}} is there already, new for each play", "give it another name", at_key=True)
        self._known.append(name)

    def _step(self, loc: Loc, step: Step) -> None:
        line = self._document.line((*loc, "name"))
        if step.name in self._names:
            problem = f'a step on line {self._names[step.name]} is called "{step.name}", too'
            self._fault((*loc, "name"), problem, "give each a name of its own: reports tell steps by it")
        self._names[step.name] = line
        self._request((*loc, "request"), step)
        for key in ("request", "expect"):
            self._placeholders((*loc, key), self._raw((*loc, key)))
        self._known += step.capture

    def _request(self, loc: Loc, step: Step) -> None:
        given = [key for key in _BODIES if self._raw((*loc, key)) is not None or key in (self._raw(loc) or {})]
        if len(given) > 1:
            self._fault((*loc, given[1]), f"a body is there already, as {given[0]}", "keep one of them", at_key=True)
        for index, part in enumerate(step.request.multipart or ()):
            where = (*loc, "multipart", index)
            contents = [key for key in _CONTENTS if getattr(part, key) is not None]
            if len(contents) != 1:
                self._fault(where, "a part has one content", f"write one of {', '.join(_CONTENTS)}")
            elif part.file is not None and not (self._folder / part.file).is_file():
                remedy = f"paths are relative to {self._folder or '.'}"
                self._fault((*where, "file"), f"{part.file} is no file", remedy)

    def _placeholders(self, loc: Loc, value: Any) -> None:
        """Every name in the texts of a place must be known by now."""
        if isinstance(value, dict):
            for key, item in value.items():
                self._placeholders((*loc, key), item)
            value = list(value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._placeholders((*loc, index), item)
            return
        for name in dict.fromkeys(names_in(value)):
            if name not in self._known:
                remedy = did_you_mean(name, self._known, nothing="capture it in an earlier step")
                self._fault(
                    loc, f"{{{name}}} is not known here", f"{remedy} (a brace that means itself: {{{{{name}}}}})"
                )

    def _raw(self, loc: Loc) -> Any:
        found = self._document.values
        for part in loc:
            if isinstance(found, dict):
                found = found.get(part)
            else:
                found = found[part] if isinstance(found, list) and isinstance(part, int) else None
        return found
