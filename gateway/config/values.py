"""Single values of routes.yaml as types: which numbers, names and words a key may hold, whatever the key is."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict, WithJsonSchema

from gateway.model import BasisPoints
from gateway.percent import format_percent, parse_percent

Percent = Annotated[
    BasisPoints,
    BeforeValidator(parse_percent),
    PlainSerializer(format_percent, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 100},
                {"type": "string", "pattern": r"^\s*[0-9]{1,3}(\.[0-9]{1,2}0*)?\s*%?\s*$"},
            ]
        }
    ),
]
"""Typed as `25`, `0.5` or `"12.34"` in the file; held as basis points."""


def number(value: object) -> object:
    """Numbers only: pydantic would take "5" and true for numbers too."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not a number; write digits without quotes")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
Switch = Annotated[bool, Strict()]
Seconds = Annotated[float, Field(gt=0, le=86_400), BeforeValidator(number)]
Pause = Annotated[float, Field(ge=0, le=3600), BeforeValidator(number)]
Count = Annotated[int, Field(ge=0, le=65_535), BeforeValidator(number)]
Size = Annotated[int, Field(ge=0, le=10**15), BeforeValidator(number)]
HeadSize = Annotated[int, Field(ge=256, le=1_048_576), BeforeValidator(number)]
Many = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(number)]
PositiveCount = Annotated[int, Field(ge=1, le=65_535), BeforeValidator(number)]


def one_of(*keys: str) -> ConfigDict:
    """For editors; `lint` says the same with the line."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [key]} for key in keys]})


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
