"""`gateway token FEATURE --side new --ttl 1h`: a token by which a tester chooses a feature's side."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.words import errors, fail
from gateway.model import Side
from gateway.rules.override import COOKIE, HEADER, MAX_TTL_SECONDS, make_token
from gateway.settings import OVERRIDE_KEY, OVERRIDE_KEY_FILE, override_key

_FEATURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TTL = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def token(
    feature: Annotated[str, typer.Argument(help="The feature's name; routes.yaml must say override: true for it.")],
    side: Annotated[str, typer.Option("--side", help="new or legacy.")] = "new",
    ttl: Annotated[str, typer.Option("--ttl", help="How long it is valid: 30s, 15m, 1h, 7d; 30 days at most.")] = "1h",
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", envvar=OVERRIDE_KEY_FILE, help="Holds the key that tokens are signed with."),
    ] = None,
) -> None:
    """Prints a token, signed with the key of GATEWAY_OVERRIDE_KEY or of a file: the one that the gateway has."""
    if _FEATURE.fullmatch(feature) is None:
        fail(f"{feature!r} is no name of a feature", status=2)
    if side not in (Side.NEW, Side.LEGACY):
        fail(f"--side {side!r} is neither new nor legacy", status=2)
    expires = int(time.time()) + _seconds(ttl)
    text = make_token(_key(key_file), feature=feature, side=Side(side), expires=expires)
    if sys.stdout.isatty():
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(expires))
        errors.print(f"valid until {when}, as the header {HEADER.decode()} or the cookie {COOKIE.decode()}:")
    print(text)


def _seconds(ttl: str) -> int:
    found = _TTL.fullmatch(ttl)
    if found is None:
        fail(f"--ttl {ttl!r} is no time; write it like 30s, 15m, 1h or 7d", status=2)
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds > MAX_TTL_SECONDS:
        fail(f"--ttl {ttl} is longer than 30 days", status=2)
    return seconds


def _key(file: Path | None) -> bytes:
    environment = dict(os.environ)
    if file is not None:
        environment[OVERRIDE_KEY_FILE] = str(file)
    try:
        key = override_key(environment)
    except (OSError, ValueError) as error:
        fail(str(error))
    if key is None:
        fail(f"there is no key: set {OVERRIDE_KEY}, or name a file with --key-file")
    return key
