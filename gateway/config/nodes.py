"""YAML text to plain values, with the place of every key and value, and every fault on the way.

PyYAML composes the nodes (libyaml where it is there); the values are made here, so that no bare word is guessed at
(scalars.py), no decimal passes through a binary float and no key is set twice without a word.
"""

import re
from typing import Any

import yaml

from gateway.config.faults import Fault, Loc, key_path
from gateway.config.scalars import TrapError, read_plain

MAX_VALUES = 2_000_000
"""After aliases are followed: a few lines of nested aliases can stand for billions of values."""
MAX_DEPTH = 24
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge"))
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BRACKETS = re.compile(r"[\[\]{}]")
_NESTED_LISTS = re.compile(r"(?:[-?] +){200}")


class Unusable:
    """Stands for a value that has been reported as a fault already."""

    def __repr__(self) -> str:
        return "unusable"


class _TooMuchError(Exception):
    """The file is refused as a whole; carries the node at which that became clear."""


class Document:
    """One composed file. values: plain Python; faults: what was wrong on the way; unusable: where.

    kind: what such files are called, start: how one begins; for the words of faults.
    """

    def __init__(
        self,
        text: str,
        filename: str,
        *,
        kind: str = "routes.yaml",
        start: str = "start with version: 1, upstreams and routes",
    ) -> None:
        self.filename = filename
        self._kind, self._start = kind, start
        self.values: Any = None
        self.faults: list[Fault] = []
        self.unusable: set[Loc] = set()
        self._root: Any = None
        self._count = 0
        self._loc: list[str | int] = []
        self._open: set[int] = set()
        self._pairs: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._root = self._compose(text)
        if self._root is not None:
            self._read_root()

    def report(self, loc: Loc, problem: str, remedy: str, *, at_key: bool = False) -> Fault:
        """A fault at the place of `loc`, or of the nearest thing around it that is in the file."""
        return self._at(self._find(loc, at_key=at_key).start_mark, key_path(loc), problem, remedy)

    def line(self, loc: Loc, *, at_key: bool = False) -> int:
        """The line of a key or value, for messages that name a second place."""
        return int(self._find(loc, at_key=at_key).start_mark.line) + 1

    def _find(self, loc: Loc, *, at_key: bool) -> Any:
        node = self._root
        for depth, part in enumerate(loc):
            last = at_key and depth == len(loc) - 1
            below = self._child(node, part, key=last)
            if below is None:
                return node
            node = below
        return node

    def _child(self, node: Any, part: str | int, *, key: bool) -> Any:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            return node.value[part] if part < len(node.value) else None
        if isinstance(node, yaml.MappingNode):
            if id(node) not in self._pairs:  # reversed: of a key given twice the first counts
                self._pairs[id(node)] = {
                    name.value: (name, value)
                    for name, value in reversed(node.value)
                    if isinstance(name, yaml.ScalarNode)
                }
            pair = self._pairs[id(node)].get(str(part))
            return pair and pair[0 if key else 1]
        return None

    def _at(self, mark: Any, key: str, problem: str, remedy: str) -> Fault:
        return Fault(mark.line + 1, mark.column + 1, key, problem, remedy, self.filename)

    def _fault(self, node: Any, problem: str, remedy: str) -> Unusable:
        self.faults.append(self._at(node.start_mark, key_path(tuple(self._loc)), problem, remedy))
        self.unusable.add(tuple(self._loc))
        return Unusable()

    def _whole(self, line: int, column: int, problem: str, remedy: str) -> None:
        self.faults.append(Fault(line, column, "", problem, remedy, self.filename))

    def _compose(self, text: str) -> Any:
        if (bad := _CONTROL.search(text)) is not None:
            line, column = _position(text, bad.start())
            remedy = 'remove it, or write it as an escape in double quotes, e.g. "\\u0007"'
            self._whole(line, column, f"the character U+{ord(bad[0]):04X} is not allowed in YAML", remedy)
            return None
        try:
            if (deep := _too_deep(text)) is not None:
                self._whole(*deep, f"nested far deeper than {self._kind} goes", "remove the nesting")
                return None
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            self._syntax(text, error)
            return None
        if root is None:
            self._whole(1, 1, "the file is empty", self._start)
        return root

    def _syntax(self, text: str, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line, column, index = (mark.line, mark.column, mark.index) if mark is not None else (0, 0, 0)
        problem, remedy = _explain_syntax(text[index : index + 8], error)
        self._whole(line + 1, column + 1, problem, remedy)

    def _read_root(self) -> None:
        if not isinstance(self._root, yaml.MappingNode):
            self._fault(self._root, "the file is not a mapping of keys", self._start)
            return
        try:
            self.values = self._read(self._root)
        except _TooMuchError as error:
            node, problem, remedy = error.args
            self._fault(node, problem, remedy)

    def _read(self, node: Any) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _TooMuchError(node, f"stands for more than {MAX_VALUES:,} values", "remove aliases of aliases")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            return self._fault(node, "an alias stands inside what it names", "write the values out")
        if len(self._open) > MAX_DEPTH:
            raise _TooMuchError(node, f"nested far deeper than {self._kind} goes", "remove the nesting")
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            return self._fault(node, f"the tag {_short(node.tag)} means nothing here", "remove it")
        self._open.add(id(node))
        value = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self._open.discard(id(node))
        return value

    def _scalar(self, node: Any) -> Any:
        if node.tag not in _PLAIN_TAGS:
            return self._fault(node, f"the tag {_short(node.tag)} means nothing here", "remove it")
        if node.style:
            return node.value
        try:
            return read_plain(node.value)
        except TrapError as trap:
            return self._fault(node, trap.problem, trap.remedy)

    def _sequence(self, node: Any) -> list[Any]:
        values = []
        for index, item in enumerate(node.value):
            self._loc.append(index)
            values.append(self._read(item))
            self._loc.pop()
        return values

    def _mapping(self, node: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for name, item in node.value:
            key = self._key(name)
            if key is None:
                continue
            self._loc.append(key)
            line = name.start_mark.line + 1
            if key in lines:
                problem = f"given twice, on lines {lines[key]} and {line}"
                self.faults.append(self._at(name.start_mark, key_path(tuple(self._loc)), problem, "keep one of them"))
            else:
                lines[key] = line
                values[key] = self._read(item)
            self._loc.pop()
        return values

    def _key(self, node: Any) -> str | None:
        """The text of a mapping's key; None where it is none, which has then been reported."""
        if not isinstance(node, yaml.ScalarNode):
            self._fault(node, "a list or mapping stands where a key is expected", "write a plain key")
            return None
        self._loc.append(node.value)
        if node.value == "<<" and not node.style:
            value: Any = self._fault(node, "merge keys are not supported", "write the keys out, or alias a whole value")
        else:
            value = self._scalar(node)
            if value is None or isinstance(value, (bool, int)) or not isinstance(value, (str, Unusable)):
                value = self._fault(node, f"the bare key {node.value} is no text", f'write "{node.value}" in quotes')
        self._loc.pop()
        return value if isinstance(value, str) else None


def decode(data: bytes) -> tuple[str, tuple[int, int] | None]:
    """The text of a file, without its byte order mark; where it is not UTF-8, the place of the first bad byte."""
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        # utf-8-sig reports positions behind the mark.
        good = data.removeprefix(b"\xef\xbb\xbf")[: error.start].decode(errors="ignore")
        return "", _position(good, len(good))


def _position(text: str, index: int) -> tuple[int, int]:
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


def _too_deep(text: str) -> tuple[int, int] | None:
    """The place where nesting passes what PyYAML's recursion can take: composing it would end the process."""
    depth = most = 0
    for bracket in _BRACKETS.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        most = max(most, depth)
    if most < 200 and _NESTED_LISTS.search(text) is None:
        return None
    depth = 0  # Brackets in quotes were counted too: only now look at it as YAML.
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > 200 and event.start_mark is not None:
            return event.start_mark.line + 1, event.start_mark.column + 1
    return None


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _explain_syntax(rest: str, error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """PyYAML's words for the faults that people make, in words that say what to do."""
    problem = error.problem or "not YAML"
    if "another document" in problem:
        return "a second document begins here", "keep one document: remove the --- line"
    if rest.startswith("\t"):
        return "a tab stands where YAML wants spaces", "indent with spaces"
    if "cannot start any token" in problem:
        return f'"{rest[:1]}" cannot begin a value', f'put the value in quotes, e.g. "{rest[:1]}..."'
    if "mapping values are not allowed" in problem:
        return 'a ": " stands where no key can be', "put a value that contains a colon in quotes, or check the indent"
    if "undefined alias" in problem:
        return "an alias names no anchor", 'define it before with &name, or put a value that begins with "*" in quotes'
    if "unexpected end of stream" in problem:
        return "the file ends inside a quoted text", "close the quotes"
    if rest.startswith("{"):
        return 'a "{" stands inside a value', 'put a value with braces in quotes, e.g. path: "/users/{id}"'
    context = f" {error.context}" if error.context else ""
    return f"not YAML: {problem}{context}", "check indents, brackets and quotes on this line and the one before"
