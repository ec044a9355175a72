"""All settings of the application, read from the environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

SIDE = "legacy"

ACCESS_TOKEN_SECONDS = 900
REFRESH_TOKEN_SECONDS = 30 * 24 * 3600
PASSWORD_MIN_LENGTH = 8
MAX_BODY_BYTES = 64 * 1024


class ConfigError(Exception):
    """The service cannot start; the text is for the operator and never holds a secret."""


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _is_http_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        at_a_host = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return at_a_host and not parts.query and not parts.fragment and re.fullmatch("[!-~]+", value) is not None


class Config(BaseModel):
    """Each field is the environment variable of the same name in capitals; an empty variable counts as unset."""

    model_config = ConfigDict(frozen=True)

    database_url: str = "sqlite:///./.run/app.db"
    jwt_secret: SecretStr
    environment: Literal["development", "test", "staging", "production"] = "development"
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    argon2_time_cost: int = Field(default=3, ge=1)
    argon2_memory_kib: int = Field(default=65_536, ge=32)
    login_lock_seconds: int = Field(default=900, ge=1, le=31_536_000)
    storage_dir: Path = Path("./.run/files")
    max_upload_bytes: int = Field(default=10 * 1024 * 1024, ge=1, le=2**31 - 1)
    ai_provider: Literal["local", "openai"] = "local"
    ai_base_url: str = Field(default="", validate_default=True)
    ai_api_key: SecretStr = SecretStr("")
    ai_model: str = Field(default="", validate_default=True)
    ai_timeout_seconds: float = Field(default=60, gt=0, le=3600, allow_inf_nan=False)
    ai_step_seconds: float = Field(default=0.1, ge=0, le=60, allow_inf_nan=False)

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        """RFC 7518, 3.2."""
        if len(value.get_secret_value().encode()) < 32:
            raise ValueError("too short: 32 bytes or more are needed")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _plain_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if "*" in origin:
                raise ValueError(f"{origin!r} is a pattern, and patterns do not work: list each origin in full")
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[\w.\-\[\]:]+", parts.netloc):
                raise ValueError(f"{origin!r} is not an origin: write it like https://app.example.com")
            if origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"{origin!r} is not an origin: write it like https://app.example.com, no path")
        return origins

    @field_validator("ai_base_url", "ai_model")
    @classmethod
    def _given_for_openai(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("ai_provider") == "openai":
            raise ValueError("is needed with AI_PROVIDER=openai")
        return value

    @field_validator("ai_base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        """Never repeats the value, which may hold a password."""
        if value and not _is_http_address(value):
            raise ValueError("is no address: write it like http://127.0.0.1:8080/v1")
        return value.rstrip("/")

    @field_validator("ai_api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x21-\x7e]*", value.get_secret_value()):
            raise ValueError("only printable ASCII without blanks can be sent")
        return value


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Raises ConfigError, which names every fault at once."""
    given = {name: environ[name.upper()] for name in Config.model_fields if environ.get(name.upper())}
    try:
        return Config.model_validate(given)
    except ValidationError as error:
        raise ConfigError("; ".join(_in_words(str(f["loc"][0]), f["type"], f["msg"]) for f in error.errors())) from None


def _in_words(field: str, kind: str, message: str) -> str:
    name = field.upper()
    if kind == "missing":
        return f"{name} is missing: set it to the signing key that both sides share, 32 bytes or more"
    return f"{name}: {message.removeprefix('Value error, ')}"
