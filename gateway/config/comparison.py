"""How two replies are held against each other, as it is written: in routes.yaml for shadows, in the scenarios of
`gateway verify` for what they play. What it means is in gateway/rules/replies.py.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gateway.config.values import Model
from gateway.rules.json_path import parse_path
from gateway.rules.shapes import parse_shape
from gateway.rules.tolerance import Tolerance

HEADER: Final = "header:"
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOLERANCE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%|s)?")


def checked(check: Callable[[str], object]) -> Callable[[str], str]:
    """A text that a parser takes; its ValueError says what is wrong."""

    def validate(text: str) -> str:
        check(text)
        return text

    return validate


def _place(text: str) -> None:
    """A path in the body, or a header."""
    if text == "status":
        raise ValueError("the status is always compared; write a place in the body, e.g. $.id, or header:NAME")
    if not text.startswith(HEADER):
        parse_path(text)
    elif HEADER_NAME.fullmatch(text.removeprefix(HEADER)) is None:
        raise ValueError(f'"{text}" names no header; write header:NAME')


def _pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}; check its brackets and backslashes") from None


def _tolerance(value: Any) -> Any:
    if isinstance(value, Tolerance):
        return value
    found = None if isinstance(value, bool) else _TOLERANCE.fullmatch(str(value))
    if found is None:
        raise ValueError('is no tolerance; write a number, or in quotes "5 %" or "2 s"')
    return Tolerance(float(found[1]), found[2] or "")


def _show_tolerance(tolerance: Tolerance) -> str:
    return f"{tolerance.amount:g} {tolerance.unit}".rstrip()


def _unordered(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _headers(value: Any) -> Any:
    return None if value == "all" else value


Place = Annotated[str, AfterValidator(checked(_place))]
BodyPath = Annotated[str, AfterValidator(checked(parse_path))]
ShapeName = Annotated[str, AfterValidator(checked(parse_shape))]
Regex = Annotated[str, AfterValidator(checked(_pattern))]
HeaderName = Annotated[str, Field(pattern=f"^{HEADER_NAME.pattern}$")]
Tolerances = Annotated[
    Tolerance,
    BeforeValidator(_tolerance),
    PlainSerializer(_show_tolerance, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*(%|s)?$"},
            ]
        }
    ),
]
"""Typed as `5`, `"5 %"` or `"2 s"`."""


class Unordered(Model):
    """A list whose order means nothing."""

    path: BodyPath = Field(description="Where the list is.")
    by: str | None = Field(None, description="The key by which items belong together.")


class _OrText:
    """For editors: what the schema says otherwise, or a text of this kind."""

    def __init__(self, **schema: str) -> None:
        self._schema = {"type": "string", **schema}

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        schema = handler(core_schema)
        return {"anyOf": [*schema.get("anyOf", [schema]), self._schema]}


class Compare(Model):
    """How the replies of both sides are held against each other; of rules for one place the nearer ones come first."""

    ignore: tuple[Place, ...] = Field((), description="Not looked at.")
    unordered: tuple[Annotated[Unordered, BeforeValidator(_unordered), _OrText()], ...] = Field(
        (), description="Lists in any order."
    )
    tolerance: dict[BodyPath, Tolerances] = Field({}, description="How far apart values may be.")
    same: dict[Place, ShapeName] = Field({}, description="What both must look like, where values differ.")
    mask: tuple[Regex, ...] = Field((), description="What is like anything that it matches, in text and headers.")
    headers: Annotated[tuple[HeaderName, ...] | None, BeforeValidator(_headers), _OrText(const="all")] = Field(
        None, description="Those to compare; all, but for those that differ by nature."
    )
    body: Literal["json", "text", "events", "digest", "ignore"] | None = Field(
        None, description="How; by its content type."
    )


class ShadowCompare(Compare):
    """The same for shadows, whose differing replies are kept as samples."""

    redact: tuple[Place, ...] = Field((), description="Left out of the samples that are kept.")


NO_RULES: Final = ShadowCompare()
