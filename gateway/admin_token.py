"""What the admin port wants to be told, and where it is given: for a gateway's processes, and for whoever asks it."""

import re
from collections.abc import Mapping
from pathlib import Path

ADMIN_TOKEN = "GATEWAY_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
ADMIN_TOKEN_FILE = "GATEWAY_ADMIN_TOKEN_FILE"  # noqa: S105 - the same
MIN_ADMIN_TOKEN_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750 section 2.1: what may stand behind `Bearer`."""

_MAKE_ONE = "make one: openssl rand -hex 32"


def admin_token(environment: Mapping[str, str], file: Path | None = None) -> bytes | None:
    """What the admin port wants to be told: from its variable, or from a file (the one that another variable names,
    where none is given); None without any.

    White space around it does not count. Raises ValueError for what cannot be a token, OSError for a file that cannot
    be read. No message repeats it.
    """
    text, named = environment.get(ADMIN_TOKEN, ""), environment.get(ADMIN_TOKEN_FILE, "")
    source = ADMIN_TOKEN
    if not text and (file is not None or named):
        path = file or Path(named)
        text, source = path.read_text(encoding="utf-8", errors="replace"), str(path)
        if not text.strip():
            raise ValueError(f"{source} holds no token; {_MAKE_ONE}")
    token = text.strip()
    if token and _TOKEN.fullmatch(token) is None:
        raise ValueError(f"the token of {source} has characters that no token may have; {_MAKE_ONE}")
    if token and len(token) < MIN_ADMIN_TOKEN_BYTES:
        raise ValueError(f"the token of {source} has less than {MIN_ADMIN_TOKEN_BYTES} characters; {_MAKE_ONE}")
    return token.encode() or None
