"""What the process is told by its environment, read once at start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_DATABASE_URL = "sqlite:///./.run/app.db"
DEFAULT_STORAGE_DIR = "./.run/files"
ENVIRONMENTS = ("development", "test", "staging", "production")
PROVIDERS = ("local", "openai")
FAULTS = ("wrong-status", "slow", "renamed-field", "integer-as-text", "errors", "leak", "down")
"""What can be made wrong on purpose, so that one can see what finds it; `infrastructure/http/faults.py` does most."""

_ORIGIN = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")


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
    login_lock_seconds: int = 900
    storage_dir: Path = Path(DEFAULT_STORAGE_DIR)
    max_upload_bytes: int = 10_485_760
    ai_provider: str = "local"
    ai_base_url: str = ""
    ai_api_key: str = field(default="", repr=False)
    ai_model: str = ""
    ai_timeout_seconds: float = 60.0
    ai_step_seconds: float = 0.1
    redis_url: str | None = field(default=None, repr=False)
    """None: nothing is cached."""
    faults: frozenset[str] = frozenset()
    fault_seed: int = 0


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Called once, at start. Raises one SetupError that names every mistake."""
    read = _Reader(environ)
    settings = Settings(
        database_url=environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL,
        jwt_secret=read.secret("JWT_SECRET"),
        environment=read.one_of("ENVIRONMENT", ENVIRONMENTS, default="development"),
        cors_origins=read.origins("CORS_ORIGINS"),
        argon2_time_cost=read.integer("ARGON2_TIME_COST", 3, at_least=1),
        argon2_memory_kib=read.integer("ARGON2_MEMORY_KIB", 65_536, at_least=32),
        login_lock_seconds=read.integer("LOGIN_LOCK_SECONDS", 900, at_least=1),
        storage_dir=Path(environ.get("STORAGE_DIR") or DEFAULT_STORAGE_DIR),
        max_upload_bytes=read.integer("MAX_UPLOAD_BYTES", 10_485_760, at_least=1),
        ai_provider=read.one_of("AI_PROVIDER", PROVIDERS, default="local"),
        ai_base_url=read.http_url("AI_BASE_URL"),
        ai_api_key=read.header_value("AI_API_KEY"),
        ai_model=environ.get("AI_MODEL", ""),
        ai_timeout_seconds=read.seconds("AI_TIMEOUT_SECONDS", 60.0),
        ai_step_seconds=read.seconds("AI_STEP_SECONDS", 0.1),
        redis_url=read.redis_url("REDIS_URL"),
        faults=read.planted("FAULTS"),
        fault_seed=read.integer("FAULT_SEED", 0, at_least=0),
    )
    _check_together(settings, read.mistakes)
    if read.mistakes:
        raise SetupError("; ".join(read.mistakes))
    return settings


def _check_together(settings: Settings, mistakes: list[str]) -> None:
    if settings.ai_provider == "openai":
        for name, value in (("AI_BASE_URL", settings.ai_base_url), ("AI_MODEL", settings.ai_model)):
            if not value:
                mistakes.append(f"{name} is missing: AI_PROVIDER=openai needs it")
    if settings.faults and settings.environment == "production":
        mistakes.append("FAULTS is set: nothing is made wrong on purpose with ENVIRONMENT=production; unset it")


class _Reader:
    """Reads one variable at a time and collects what is wrong, so that one start reports it all."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def secret(self, name: str) -> str:
        """RFC 7518, 3.2: a key for HS256 has at least 256 bits."""
        text = self._environ.get(name, "")
        if not text:
            self.mistakes.append(
                f"{name} is missing: set it to the signing key that both sides share, 32 bytes or more"
            )
        elif len(text.encode()) < 32:
            self.mistakes.append(f"{name} is too short: 32 bytes or more are needed")
        return text

    def one_of(self, name: str, values: tuple[str, ...], *, default: str) -> str:
        text = self._environ.get(name) or default
        if text not in values:
            self.mistakes.append(f"{name} is {text!r}: one of {', '.join(values)} is needed")
        return text

    def origins(self, name: str) -> tuple[str, ...]:
        origins = self._list(name)
        for origin in origins:
            if "*" in origin:
                self.mistakes.append(
                    f"{name}: {origin!r} is a pattern, and patterns do not work: list each origin in full"
                )
            elif not _ORIGIN.fullmatch(origin):
                self.mistakes.append(
                    f"{name}: {origin!r} is not an origin: write it like https://app.example.com, no path"
                )
        return origins

    def integer(self, name: str, default: int, *, at_least: int) -> int:
        text = self._environ.get(name) or str(default)
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < at_least:
            self.mistakes.append(f"{name} is {text!r}: a whole number of {at_least} or more is needed")
            return default
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        text = self._environ.get(name) or str(default)
        if not _SECONDS.fullmatch(text):
            self.mistakes.append(f"{name} is {text!r}: a number of seconds such as 0.5 is needed")
            return default
        return float(text)

    def http_url(self, name: str) -> str:
        """Empty where it is not set. Never shown, for it could hold a password."""
        text = self._environ.get(name, "")
        if text and not _is_url(text, schemes={"http", "https"}):
            self.mistakes.append(f"{name} is not a URL: write it like http://127.0.0.1:8080/v1, no query")
        return text.rstrip("/")

    def header_value(self, name: str) -> str:
        text = self._environ.get(name, "")
        if not text.isascii() or not text.isprintable():
            self.mistakes.append(f"{name} cannot be sent in a header: printable ASCII is needed")
        return text

    def redis_url(self, name: str) -> str | None:
        text = self._environ.get(name, "")
        if text and not _is_url(text, schemes={"redis", "rediss"}):
            self.mistakes.append(f"{name} is not a URL: write it like redis://127.0.0.1:6379/0")
        return text or None

    def planted(self, name: str) -> frozenset[str]:
        names = self._list(name)
        for unknown in (each for each in names if each not in FAULTS):
            self.mistakes.append(f"{name}: there is no {unknown!r}; there are {', '.join(FAULTS)}")
        return frozenset(names)

    def _list(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self._environ.get(name, "").split(",") if part.strip())


def _is_url(text: str, *, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        return False
    return usable and parts.scheme in schemes and not parts.query and not parts.fragment and text.isprintable()
