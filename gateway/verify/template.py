"""`{name}` in a scenario's texts: variables, and what steps have captured. `{{name}}` is `{name}` as it stands."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{([a-z_][a-z0-9_]*)\}\}|\{([a-z_][a-z0-9_]*)\}")

Values = Mapping[str, Any]


class UnknownNameError(KeyError):
    """A name that has no value yet: the step that captures it has failed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def names_in(value: Any) -> Iterator[str]:
    """Every name that a value needs, in order."""
    if isinstance(value, str):
        yield from (found[2] for found in _PLACEHOLDER.finditer(value) if found[2])
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from names_in(key)
            yield from names_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from names_in(item)


def fill(text: str, values: Values) -> str:
    """A text with the values of its names. Raises UnknownNameError."""
    return _PLACEHOLDER.sub(lambda found: "{" + found[1] + "}" if found[1] else str(_value(found[2], values)), text)


def fill_json(value: Any, values: Values) -> Any:
    """All texts in a JSON value; one that is a name alone keeps the type of its value. Raises UnknownNameError."""
    if isinstance(value, str):
        whole = _PLACEHOLDER.fullmatch(value)
        return _value(whole[2], values) if whole is not None and whole[2] else fill(value, values)
    if isinstance(value, dict):
        return {fill(key, values): fill_json(item, values) for key, item in value.items()}
    return [fill_json(item, values) for item in value] if isinstance(value, list) else value


def _value(name: str, values: Values) -> Any:
    if name not in values:
        raise UnknownNameError(name)
    return values[name]
