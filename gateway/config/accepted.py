"""The accepted copy: the routes that workers run, as the control process writes them under the state directory.

Read at each start of a worker and after each edit, so it is made to be read fast: no YAML, no lint. It carries the
text that it was made from, for `gateway status` and for people. The first line is a checksum of the rest.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from gateway.config.schema import RoutesFile

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Accepted:
    """sha256: of the routes.yaml that was accepted, as `Loaded.sha256` gives it. source_text: that file's text."""

    routes: RoutesFile
    sha256: str
    source_text: str


def dump_accepted(routes: RoutesFile, sha256: str, source_text: str) -> bytes:
    """The copy's bytes; the caller writes them whole or not at all."""
    values = routes.model_dump(mode="json", by_alias=True, exclude_unset=True)
    body = orjson.dumps({"format": FORMAT, "sha256": sha256, "routes": values, "source": source_text})
    return _checksum(body) + b"\n" + body


def load_accepted(data: bytes) -> Accepted:
    """What `dump_accepted` was given. Raises ValueError naming what is wrong with the copy."""
    checksum, newline, body = data.partition(b"\n")
    if not newline or len(checksum) != 64:
        raise ValueError("the accepted copy is damaged: it has no checksum line")
    if checksum != _checksum(body):
        raise ValueError("the accepted copy is damaged: its checksum does not fit (cut short, or edited by hand)")
    values = orjson.loads(body)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ValueError(f"the accepted copy has another format than {FORMAT}: it was written by another version")
    return _read(values)


def _read(values: dict[str, Any]) -> Accepted:
    try:
        routes = RoutesFile.model_validate(values.get("routes"), by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"the accepted copy does not fit this version: {place}: {first['msg']}") from None
    sha256, source = values.get("sha256"), values.get("source")
    if not isinstance(sha256, str) or not isinstance(source, str):
        raise ValueError("the accepted copy is damaged: its hash or its source is missing")
    return Accepted(routes, sha256, source)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
