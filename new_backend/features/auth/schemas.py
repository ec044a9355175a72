"""What clients send and receive. The old application answers with the same fields and the same words."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

PASSWORD_MIN_LENGTH = 8
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text) or not text.isprintable():
        raise PydanticCustomError("value_error", "value is not a valid email address")
    return text.lower()


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("value_error", "control characters are not allowed")
    return text


Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]


class RegisterRequest(BaseModel):
    email: Email
    password: str = Field(min_length=PASSWORD_MIN_LENGTH, max_length=1024, repr=False)
    name: Annotated[str, Field(max_length=200), AfterValidator(_one_line)] | None = None


class LoginRequest(BaseModel):
    """The password's length is not checked here: a short one is simply wrong."""

    email: Email
    password: str = Field(max_length=1024, repr=False)


class RefreshTokenRequest(BaseModel):
    """For /refresh and /logout."""

    refresh_token: str = Field(min_length=1, max_length=1024, repr=False)


class UserResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str | None
    created_at: datetime


class TokenResponse(BaseModel):
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a word of RFC 6750, no secret
    expires_in: int
