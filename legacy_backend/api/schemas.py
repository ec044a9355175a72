"""Bodies of requests and responses."""

import re
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from legacy_backend.core.config import PASSWORD_MIN_LENGTH

EMAIL_PATTERN = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


class WithEmail(BaseModel):
    email: str = Field(max_length=254)

    @field_validator("email")
    @classmethod
    def normalize(cls, value: str) -> str:
        if EMAIL_PATTERN.fullmatch(value) is None or not value.isprintable():
            raise PydanticCustomError("value_error", "value is not a valid email address")
        return value.lower()


class RegisterBody(WithEmail):
    password: str = Field(min_length=PASSWORD_MIN_LENGTH, max_length=1024, repr=False)
    name: str | None = Field(default=None, max_length=200)

    @field_validator("name")
    @classmethod
    def one_line(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"[\x00-\x1f\x7f]", value):
            raise PydanticCustomError("value_error", "control characters are not allowed")
        return value


class LoginBody(WithEmail):
    password: str = Field(max_length=1024, repr=False)


class RefreshTokenBody(BaseModel):
    refresh_token: str = Field(min_length=1, max_length=1024, repr=False)


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str | None
    created_at: datetime


class TokensOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a word of RFC 6750, no secret
    expires_in: int


class ResumeOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    filename: str
    size_bytes: int
    created_at: datetime


class ResumeListOut(BaseModel):
    resumes: list[ResumeOut]
