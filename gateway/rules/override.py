"""A tester's override: a signed token that chooses the side of one feature until it expires.

    token = FEATURE ":" SIDE ":" EXPIRY ":" SIGNATURE
    signature = HMAC-SHA256(key, "gateway-override:" FEATURE ":" SIDE ":" EXPIRY), in lower-case hexadecimal

EXPIRY is unix time in seconds. Without the key no token can be made, and one for another feature, side or time is
another token. Signatures are compared in constant time. The key and the time are arguments.
"""

import re
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from gateway.model import Side
from gateway.rules.keys import Fields, read_cookie

HEADER = b"x-gateway-override"
COOKIE = b"gateway_override"
MAX_TTL_SECONDS = 30 * 86_400

_TOKEN = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.-]{0,62}):(legacy|new):([0-9]{1,12}):([0-9a-f]{64})")


def make_token(key: bytes, *, feature: str, side: Side, expires: int) -> str:
    """A token for one feature and side, until that unix time."""
    claim = f"{feature}:{side.value}:{expires}"
    return f"{claim}:{_signature(key, claim.encode()).decode()}"


def find_override(fields: Fields, key: bytes | None, *, feature: str, now: float) -> Side | None:
    """The side that a request's token chooses for a feature: of the header, else of the cookie. None without a valid
    one.
    """
    if key is None:
        return None
    for name, value in fields:
        if name == HEADER:
            return read_token(value.strip(), key, feature=feature, now=now)
    token = read_cookie(fields, COOKIE)
    return read_token(token, key, feature=feature, now=now) if token is not None else None


def read_token(token: bytes, key: bytes, *, feature: str, now: float) -> Side | None:
    """The side; None for a token that is malformed, forged, expired or another feature's."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    if not compare_digest(_signature(key, token.rpartition(b":")[0]), found[4]):
        return None
    if found[1] != feature.encode() or now >= int(found[3]):
        return None
    return Side(found[2].decode())


def without_override(fields: Fields) -> Fields:
    """The fields without the override's cookie, whatever it holds: no upstream ever sees one. The header goes with all
    of the gateway's own.
    """
    if not [value for name, value in fields if name == b"cookie" and value.find(COOKIE) >= 0]:
        return fields
    return [
        (name, left)
        for name, value in fields
        if (left := _without_cookie(value) if name == b"cookie" and COOKIE in value else value) or name != b"cookie"
    ]


def _without_cookie(value: bytes) -> bytes:
    pairs = [pair.strip(b" \t") for pair in value.split(b";")]
    return b"; ".join(pair for pair in pairs if pair.partition(b"=")[0].strip(b" \t") != COOKIE)


def _signature(key: bytes, claim: bytes) -> bytes:
    return hmac_digest(key, b"gateway-override:" + claim, sha256).hex().encode()
