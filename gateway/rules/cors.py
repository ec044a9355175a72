"""CORS at the gateway (Fetch, section 3.2): both sides behave alike, whatever each would say by itself.

Preflights are answered here. On replies, our own and the upstream's, what the upstream says of it is replaced.
Origins are compared byte for byte: there are no patterns, and `null` is nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config.schema import Cors
from gateway.rules.headers import Fields
from gateway.rules.upgrade import tokens

_VARY = (b"vary", b"Origin")
_PREFIX = b"access-control-"


@dataclass(frozen=True, slots=True)
class CorsPlan:
    """Compiled. granted: on every reply to an allowed origin; preflight: on the answer to its preflight."""

    origins: frozenset[bytes]
    granted: tuple[tuple[bytes, bytes], ...]
    preflight: tuple[tuple[bytes, bytes], ...]


def compile_cors(cors: Cors) -> CorsPlan:
    """For a plan. `cors` has passed `gateway check`."""
    credentials = [(b"access-control-allow-credentials", b"true")] if cors.credentials else []
    exposed = [(b"access-control-expose-headers", _listed(cors.exposed_headers))] if cors.exposed_headers else []
    allowed = [(b"access-control-allow-headers", _listed(cors.headers))] if cors.headers else []
    return CorsPlan(
        origins=frozenset(origin.encode() for origin in cors.origins),
        granted=(*credentials, *exposed),
        preflight=(
            *credentials,
            (b"access-control-allow-methods", _listed(cors.methods)),
            *allowed,
            (b"access-control-max-age", b"%d" % cors.max_age_seconds),
        ),
    )


def origin_of(fields: Fields) -> bytes | None:
    """Of a request: whose page asks. Nobody's where several are named (RFC 6454 section 7.3: there is one)."""
    origins = [value for name, value in fields if name == b"origin"]
    return origins[0] if len(origins) == 1 else None


def asked_method(named: Mapping[bytes, bytes]) -> bytes | None:
    """The method of the request that an OPTIONS is the preflight of; None where it is none."""
    return named.get(b"access-control-request-method") if b"origin" in named else None


def preflight_fields(plan: CorsPlan, origin: bytes | None) -> Fields:
    """What a 204 tells the browser: all that is allowed to the origin, or nothing."""
    return [_VARY, *_granted(plan, origin, plan.preflight)]


def applied(plan: CorsPlan, fields: Fields, origin: bytes | None) -> Fields:
    """A reply's fields, with what holds here in the place of what the upstream says. origin: of the request."""
    kept = [field for field in fields if not field[0].startswith(_PREFIX)]
    if not tokens(kept, b"vary") & {b"origin", b"*"}:
        kept.append(_VARY)
    return kept + _granted(plan, origin, plan.granted)


def _granted(plan: CorsPlan, origin: bytes | None, fields: tuple[tuple[bytes, bytes], ...]) -> Fields:
    if origin is None or origin not in plan.origins:
        return []
    return [(b"access-control-allow-origin", origin), *fields]


def _listed(names: tuple[str, ...]) -> bytes:
    return ", ".join(names).encode()
