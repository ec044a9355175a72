"""What the process is told by its environment, read once at start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_DATABASE_URL = "sqlite:///./.run/app.db"
ENVIRONMENTS = ("development", "test", "staging", "production")
_ORIGIN = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")


class SetupError(Exception):
    """The service cannot start: what is wrong and what would be right, for the operator. Never holds a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Argon2's costs default to RFC 9106's second recommendation (3 passes over 64 MiB)."""

    database_url: str
    jwt_secret: str = field(repr=False)
    environment: str = "development"
    cors_origins: tuple[str, ...] = ()
    argon2_time_cost: int = 3
    argon2_memory_kib: int = 65_536


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Called once, at start. Raises one SetupError that names every fault."""
    faults: list[str] = []
    settings = Settings(
        database_url=environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL,
        jwt_secret=_secret(environ.get("JWT_SECRET", ""), faults),
        environment=_environment(environ.get("ENVIRONMENT") or "development", faults),
        cors_origins=_origins(environ.get("CORS_ORIGINS", ""), faults),
        argon2_time_cost=_integer(environ, "ARGON2_TIME_COST", 3, at_least=1, faults=faults),
        argon2_memory_kib=_integer(environ, "ARGON2_MEMORY_KIB", 65_536, at_least=32, faults=faults),
    )
    if faults:
        raise SetupError("; ".join(faults))
    return settings


def _secret(text: str, faults: list[str]) -> str:
    """RFC 7518, 3.2: a key for HS256 has at least 256 bits."""
    if not text:
        faults.append("JWT_SECRET is missing: set it to the signing key that both sides share, 32 bytes or more")
    elif len(text.encode()) < 32:
        faults.append("JWT_SECRET is too short: 32 bytes or more are needed")
    return text


def _environment(text: str, faults: list[str]) -> str:
    if text not in ENVIRONMENTS:
        faults.append(f"ENVIRONMENT is {text!r}: one of {', '.join(ENVIRONMENTS)} is needed")
    return text


def _origins(text: str, faults: list[str]) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        if "*" in origin:
            faults.append(f"CORS_ORIGINS: {origin!r} is a pattern, and patterns do not work: list each origin in full")
        elif not _ORIGIN.fullmatch(origin):
            faults.append(f"CORS_ORIGINS: {origin!r} is not an origin: write it like https://app.example.com, no path")
    return origins


def _integer(environ: Mapping[str, str], name: str, default: int, *, at_least: int, faults: list[str]) -> int:
    text = environ.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < at_least:
        faults.append(f"{name} is {text!r}: a whole number of {at_least} or more is needed")
        return default
    return int(text)
