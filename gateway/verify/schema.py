"""What a scenario file may say. docs/verify.md describes every key, and a test holds the two together.

Values are checked here, each by itself; what keys mean to each other is in `load`.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.config.comparison import BodyPath, Compare, HeaderName, Place, Regex, checked
from gateway.config.values import Model, Name, Seconds, Switch
from gateway.rules.shapes import SHAPES, parse_shape


def plain(value: Any) -> Any:
    """Decimals as JSON's numbers, all the way down: YAML's decimals are read exactly."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def _status(value: Any) -> Any:
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(each) is int and 100 <= each <= 599 for each in values):
        raise ValueError("is no status; write e.g. 404, or [200, 206] where either is right")
    return tuple(values)


def _matcher(value: Any) -> Any:
    return value if isinstance(value, (dict, Matcher)) else {"equals": value}


def _query(value: Any) -> Any:
    """Numbers and true are written as they would be in a URL."""
    if not isinstance(value, dict):
        return value
    return {name: tuple(map(_word, each if isinstance(each, list) else [each])) for name, each in value.items()}


def _word(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, Decimal)) else value


def _content(value: Any) -> Any:
    return plain(value)


Variable = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
Statuses = Annotated[tuple[int, ...], BeforeValidator(_status)]
Content = Annotated[Any, BeforeValidator(_content)]
TypeName = Annotated[str, AfterValidator(checked(parse_shape))]


class Matcher(Model):
    """What one value must be. A value alone stands for `equals`."""

    equals: Content = Field(None, description="This very value, of this type.")
    matches: Regex | None = Field(None, description="A regular expression that is found in the text.")
    contains: str | None = Field(None, description="Words that stand in the text.")
    type: TypeName | None = Field(None, description=f"One of {', '.join(SHAPES)}.")
    exists: Switch | None = Field(None, description="Whether it is there at all.")
    length: Annotated[int, Field(ge=0)] | None = Field(None, description="How many items, keys or characters.")


Expected = Annotated[Matcher, BeforeValidator(_matcher)]


class Part(Model):
    """One part of a `multipart/form-data` body."""

    name: str | None = Field(None, description="The field's name; a part without one is sent so.")
    filename: str | None = Field(None, description="Makes it a file.")
    content_type: str | None = Field(None, description="What the part says that it is.")
    text: str | None = Field(None, description="Its content.")
    base64: str | None = Field(None, description="Its content, where that is no text.")
    file: str | None = Field(None, description="A file with its content, relative to the scenario.")
    times: Annotated[int, Field(ge=1, le=100_000_000)] = Field(1, description="The content so many times over.")


class Request(Model):
    """One request. Of json, text, form and multipart at most one."""

    method: Annotated[str, Field(pattern="^[A-Z]+$")] = Field("GET", description="GET, POST, ...")
    path: str = Field(pattern="^/", description="From the first slash, as it goes on the wire.")
    query: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_query)] = Field(
        {}, description="Parameters; a list repeats one."
    )
    headers: dict[HeaderName, str] = Field({}, description="Fields to send.")
    json_: Content = Field(None, alias="json", description="A body of JSON.")
    text: str | None = Field(None, description="A body of text; content-type is among headers.")
    times: Annotated[int, Field(ge=1, le=100_000_000)] = Field(1, description="The text so many times over.")
    form: dict[str, str] | None = Field(None, description="A body as an HTML form sends it.")
    multipart: tuple[Part, ...] | None = Field(None, description="A body of parts, with files.")
    cookies: Switch | None = Field(None, description="Whether the player's cookies are sent; as the scenario says.")


class Expect(Model):
    """What the reply must be on either side, whatever the other one says."""

    status: Statuses | None = Field(None, description="One status, or several of which any is right.")
    headers: dict[HeaderName, Expected] = Field({}, description="Headers by name.")
    json_: dict[BodyPath, Expected] = Field({}, alias="json", description="Values by path.")
    text: Expected | None = Field(None, description="The body as text.")


class Until(Model):
    """The step is sent again until its expectation holds."""

    within_seconds: Seconds = Field(description="After that it has failed.")
    every_seconds: Seconds = Field(0.1, description="The pause between two tries.")


class Step(Model):
    """One request, what must come of it, and what is kept of it."""

    name: str = Field(min_length=1, max_length=200, description="What it does, in words.")
    request: Request = Field(description="What is sent.")
    expect: Expect = Field(Expect(), description="What must come back.")
    capture: dict[Variable, Place] = Field({}, description="Values that later steps use, by path or header:NAME.")
    until: Until | None = Field(None, description="Sent again until it is as expected.")
    stream: Switch = Field(False, description="A stream of events, read to its end; it is not timed.")
    within_seconds: Seconds = Field(30.0, description="For the whole reply.")
    compare: Compare = Field(Compare(), description="Rules for this step.")
    if_it_succeeds: str | None = Field(None, description="What a success means, in words, where it must be refused.")


class Scenario(Model):
    """One feature's requests, in the order that they are played."""

    feature: Name = Field(description="The feature's name in routes.yaml.")
    description: str = Field("", description="What it is about.")
    user: str = Field("cookie:gateway_id", description="What tells the gateway who a player is.")
    cookies: Switch = Field(True, description="Whether cookies that a service sets are sent back.")
    variables: dict[Variable, str] = Field({}, description="Texts by name; {unique} and {uuid} are new for each play.")
    compare: Compare = Field(Compare(), description="Rules for all steps.")
    setup: tuple[Step, ...] = Field((), description="Played first, neither compared nor timed.")
    steps: tuple[Step, ...] = Field(min_length=1, description="What is compared.")
