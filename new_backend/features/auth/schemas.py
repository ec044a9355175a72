"""What clients send and receive. The old application answers with the same fields and the same words."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from new_backend.infrastructure.fields import one_line

PASSWORD_MIN_LENGTH = 8
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text) or not text.isprintable():
        raise PydanticCustomError("value_error", "value is not a valid email address")
    return text.lower()


Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]


class RegisterRequest(BaseModel):
    email: Email
    password: str = Field(min_length=PASSWORD_MIN_LENGTH, max_length=1024, repr=False)
    name: Annotated[str, Field(max_length=200), AfterValidator(one_line)] | None = None


class LoginRequest(BaseModel):
    """The password's length is not checked here: a short one is simply wrong."""

    email: Email
    password: str = Field(max_length=1024, repr=False)


class RefreshTokenRequest(BaseModel):
    """For /refresh and /logout."""

    refresh_token: str = Field(min_length=1, max_length=1024, repr=False)


class ChangePasswordRequest(BaseModel):
    current_password: str = Field(max_length=1024, repr=False)
    new_password: str = Field(min_length=PASSWORD_MIN_LENGTH, max_length=1024, repr=False)


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


class SessionResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    current: bool = False
    """The one that asks."""


class SessionsResponse(BaseModel):
    sessions: list[SessionResponse]
