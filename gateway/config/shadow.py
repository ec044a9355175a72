"""Shadows in routes.yaml: which requests may be sent to the other side as well, and what a worker spends on that."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer
from pydantic.json_schema import JsonSchemaValue

from gateway.config.values import Model, Percent, PositiveCount, Seconds, Size, number
from gateway.model import ALL

SAFE: Final = ("GET", "HEAD")
"""What may be asked twice without a second thought (RFC 9110 section 9.2.1)."""


class RouteShadow(Model):
    """Which of a route's requests may be shadowed. `false` for none."""

    methods: tuple[str, ...] = Field(SAFE, min_length=1, description="Methods that may be sent to both sides.")
    sample: Percent = Field(
        ALL,
        json_schema_extra={"default": 100},
        description="Of this route's requests, on top of the feature's own percent.",
    )

    @property
    def is_off(self) -> bool:
        """Whether this stands for `false`."""
        return not self.methods


NO_SHADOW: Final = RouteShadow.model_construct(_fields_set=set(), methods=(), sample=ALL)


def _false_is_off(value: object) -> object:
    return NO_SHADOW if value is False else value


def _off_is_false(shadow: RouteShadow) -> object:
    return False if shadow.is_off else shadow.model_dump(mode="json", by_alias=True, exclude_unset=True)


class _OrFalse:
    """For editors: what the schema says otherwise, or `false`."""

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(core_schema), {"const": False, "type": "boolean"}]}


ShadowOfRoute = Annotated[
    RouteShadow, BeforeValidator(_false_is_off), PlainSerializer(_off_is_false, return_type=Any), _OrFalse()
]


class Shadow(Model):
    """What shadows may cost a worker. Over a bound the shadow is dropped and counted; the client never waits."""

    timeout_seconds: Seconds = Field(5.0, description="For a shadow's whole reply.")
    max_in_flight: PositiveCount = Field(100, description="Shadows at once, per worker.")
    max_body_bytes: Size = Field(1_048_576, description="Of a request's body, and of either reply's, that is held.")
    max_held_bytes: Size = Field(67_108_864, description="Of all bodies that wait for their comparison, per worker.")
    max_bytes_per_second: Size = Field(33_554_432, description="Sent and received for shadows, per worker.")
    keep_seconds: Annotated[int, Field(ge=60, le=31_536_000), BeforeValidator(number)] = Field(
        604_800, description="How long differences and samples are kept."
    )
