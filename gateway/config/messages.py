"""pydantic's errors in the house form: what is wrong, and what would be right. Used by `load`, and for scenarios."""

import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.config.faults import Loc, did_you_mean
from gateway.config.schema import RoutesFile


@dataclass(frozen=True, slots=True)
class Grammar:
    """A kind of file: the model of the whole of it, and where its keys are described."""

    root: type[BaseModel]
    reference: str


ROUTES = Grammar(RoutesFile, "docs/routes-reference.md")

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def explain(error: ErrorDetails, grammar: Grammar = ROUTES) -> tuple[Loc, bool, str, str]:
    """(place, whether the key itself is meant, what is wrong, what would be right)."""
    loc: Loc = error["loc"]
    kind = error["type"]
    if kind == "extra_forbidden":
        known = fields_at(loc[:-1], grammar)
        return loc, True, "unknown key", did_you_mean(str(loc[-1]), known, nothing="remove it")
    if loc and loc[-1] == "[key]":
        return loc[:-1], True, *(_bad_value(loc, kind, error, grammar) if kind == "value_error" else _bad_name(loc))
    if kind == "missing":
        return loc, False, "required key is missing", f'add "{loc[-1]}": {_description(loc, grammar)}'
    return loc, False, *_bad_value(loc, kind, error, grammar)


def _bad_value(loc: Loc, kind: str, error: ErrorDetails, grammar: Grammar) -> tuple[str, str]:
    value, context = error["input"], error.get("ctx", {})
    if value is None:
        return "nothing stands here", "write a value, or leave the key out"
    if kind in _BOUNDS:
        bound, word = _BOUNDS[kind]
        return f"{_show(value)} is out of range", f"write {word} {context[bound]:g}"
    if kind in ("enum", "literal_error"):
        allowed = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return f"{_show(value)} is not one of its values", did_you_mean(str(value), allowed, nothing="")
    if kind == "value_error":
        problem, _, remedy = str(context["error"]).partition("; ")
        return problem, remedy or "write a percent like 25 or 0.5"
    return _wrong_type(loc, kind, value, error["msg"], grammar)


def _wrong_type(loc: Loc, kind: str, value: Any, message: str, grammar: Grammar) -> tuple[str, str]:
    if kind == "string_type" and isinstance(value, (int, Decimal)):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f"{text} is {_noun(value)}, not text", f'write it in quotes: "{text}"'
    if kind == "string_type":
        return f"is {_noun(value)}, not text", "write one text"
    if kind == "bool_type":
        return f"{_show(value)} is not a boolean", "write true or false, without quotes"
    if kind == "string_pattern_mismatch":
        return _bad_name(loc) if loc[-1] != "flag" else (
            f"{_show(value)} is no name of an environment variable", "use letters, digits and _, e.g. USE_NEW_AUTH"
        )  # fmt: skip
    if kind == "int_from_float":
        return f"{_show(value)} is not a whole number", "write digits without a point"
    if kind in ("tuple_type", "list_type"):
        return f"is {_noun(value)}, not a list", f"write [{value}]" if isinstance(value, str) else "write a list"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"is {_noun(value)}, not a mapping of keys", f"its keys: {', '.join(fields_at(loc, grammar)) or 'names'}"
    if kind == "too_short":
        return "is empty", "at least one entry is needed"
    return message[:1].lower() + message[1:], _description(loc, grammar)


def _bad_name(loc: Loc) -> tuple[str, str]:
    name = loc[-2] if loc[-1] == "[key]" else loc[-1]
    return f'"{name}" is no name' if loc[-1] == "[key]" else "is no name", (
        "use up to 63 letters, digits, dots, dashes and underscores, the first a letter or digit"
    )


def fields_at(loc: Loc, grammar: Grammar = ROUTES) -> list[str]:
    """The keys that a mapping at this place may have, as the file spells them; none where names are free."""
    model = _annotation_at(loc, grammar)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _description(loc: Loc, grammar: Grammar) -> str:
    model = _annotation_at(loc[:-1], grammar)
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            if loc[-1] == (field.alias or name):
                return (field.description or f"see {grammar.reference}").rstrip(".")
    return f"see {grammar.reference}"


def _annotation_at(loc: Loc, grammar: Grammar) -> Any:
    found: Any = grammar.root
    for part in loc:
        found = _step(found, part)
    return found


def _step(annotation: Any, part: str | int) -> Any:
    """From a model to a field's type, from a dict or tuple to its items', through `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part == (field.alias or name):
                return _without_none(field.annotation)
        return None
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is dict:
        return _without_none(arguments[1])
    return _without_none(arguments[0]) if arguments else None


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return _first(part for part in typing.get_args(annotation) if part is not type(None))
    return annotation


def _first(parts: Iterable[Any]) -> Any:
    return next(iter(parts), None)


def _noun(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, Decimal)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, dict) else "a list"


def _show(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return _noun(value)
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
