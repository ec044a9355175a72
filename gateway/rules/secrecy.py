"""What a secret looks like: by the name that it goes by, or by its own shape.

What is said with a secret's name (`password=...`, a header, a key) goes by that name; what carries its own shape (a URL
with a password, a JWT, a bearer token) goes by that. Used by logs (`gateway.telemetry.redact`), by reports, and by what
is kept of a comparison (`gateway.rules.hide`).
"""

import re
from functools import lru_cache
from typing import Final

HIDDEN: Final = "***"
MAX_KEPT: Final = 100
"""Characters of a name for which it is remembered whether it is secret: services choose names, too."""

_SECRET_NAMES: Final = (
    "authorization", "cookie", "password", "passwd", "pwd", "passphrase", "token", "secret", "credential", "apikey",
    "authkey", "privatekey", "sessionid", "phpsessid", "csrf", "xsrf",
)  # fmt: skip
"""A name with any of these in it is secret, however its words are put together."""
_WHOLE_NAMES: Final = frozenset({"otp", "xauth", "xsession"})
_PARAMETERS: Final = frozenset({"auth", "code", "pass", "sessid", "sid", "sig"})
"""Of queries and forms: there `code` is what OAuth hands out, and elsewhere it says what went wrong."""
SPELLED: Final = (
    *_SECRET_NAMES,
    "api-key", "api_key", "auth-key", "auth_key", "private-key", "private_key", "session-id", "session_id",
)  # fmt: skip
"""As they stand in texts, in lower case."""
_WORDS: Final = (
    "authorization|cookie|password|passwd|pwd|passphrase|token|secret|credential|(?:api|auth|private)[-_]?key"
    "|session[-_]?id|phpsessid|csrf|xsrf"
)
NAME: Final = rf"(?=[\w-]*?(?:{_WORDS}))[\w-]++"
"""As part of a pattern, without regard to case: a whole name that holds one of the words."""


def _hide_userinfo(found: re.Match[str]) -> str:
    """Of a URL without any, the whole word was read: nothing behind it in the word can have one either."""
    return f"{found[1]}://{HIDDEN}@" if found[0].endswith("@") else found[0]


def _hide_token(found: re.Match[str]) -> str:
    return HIDDEN if "." in found[0] else found[0]


# What must stand in the text (in lower case) for the rule to matter, the pattern, and what takes its place. Most texts
# hold none of the first, and `in` is a hundred times cheaper than a pattern.
# Clients choose these texts (a path of a kilobyte stands in every line), so each pattern must be linear: it begins at
# most once in a run of the characters that it repeats, and what it has read it does not read again (`++`).
_RULES: Final = (
    # Inside an authority a password ends at the last @ before the path. Of other schemes (redis, postgresql) nobody
    # encodes a slash in a password, so there everything up to the last @ of the word goes.
    ("://", re.compile(r"(?i)\b(https?|wss?)://[^\s/?#]*@"), rf"\1://{HIDDEN}@"),
    ("://", re.compile(r"(?i)(?<![a-z0-9+.-])((?!https?:|wss?:)[a-z0-9+.-]++)://(?:\S*@|\S*+)"), _hide_userinfo),
    # `Cookie: a=b; c=d` is a secret to the end of the line; with a blank, so that `cookie:NAME`, a key's source, stays.
    (": ", re.compile(r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization):[ \t]+[^\r\n]+"), rf"\1: {HIDDEN}"),
    ("=", re.compile(rf"(?i)(?<![\w-])({NAME})=\s*(\"[^\"]*\"|'[^']*'|[^\s&,;)]+)"), rf"\1={HIDDEN}"),
    ("'", re.compile(rf"(?i)('{NAME}')(:|,)\s*b?(\"[^\"]*\"|'[^']*')"), rf"\1\2 {HIDDEN}"),
    ('"', re.compile(rf'(?i)("{NAME}")(:|,)\s*("[^"]*")'), rf"\1\2 {HIDDEN}"),
    ("sig", re.compile(r"(?i)((?:[?&;]|u0026)(?:[\w-]{0,40}-)?sig(?:nature)?=)[^\s&#\\\"'<>]+"), rf"\1{HIDDEN}"),
    ("bearer", re.compile(r"(?i)\bbearer\s+[\w.~+/=-]{8,}"), f"Bearer {HIDDEN}"),
    ("eyj", re.compile(r"\beyJ[\w-]++(?:\.[\w-]++(?:\.[\w-]*+)?)?+"), _hide_token),
)


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is hidden: `Set-Cookie`, `refresh_token`, `apiKey`, ..."""
    return _is_secret(name) if len(name) <= MAX_KEPT else _is_secret.__wrapped__(name)


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    plain = _plain(name)
    return plain in _WHOLE_NAMES or any(word in plain for word in _SECRET_NAMES)


def is_secret_parameter(name: str) -> bool:
    """The same of a query's or a form's: `code`, `sig`, `X-Amz-Signature`, ..."""
    plain = _plain(name[:MAX_KEPT])
    return is_secret_name(name) or plain in _PARAMETERS or plain.endswith("signature")


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def says_a_name(text: str) -> bool:
    """Whether a secret's name may stand in a text: a quick look before a slow one."""
    lowered = text.lower()
    return any(word in lowered for word in SPELLED)


def without_shapes(text: str) -> str:
    """Without the secrets that show by their shape."""
    if text.isalnum():  # nothing below can match: what most values are
        return text
    lowered = text.lower()
    for needle, pattern, replacement in _RULES:
        if needle in lowered:
            text = pattern.sub(replacement, text)
    return text
