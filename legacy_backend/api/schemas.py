"""Bodies of requests and responses."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from legacy_backend.core.config import PASSWORD_MIN_LENGTH

EMAIL_PATTERN = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def _one_line(value: str | None) -> str | None:
    return _without(r"[\x00-\x1f\x7f]", value)


def _long_text(value: str | None) -> str | None:
    """Line breaks and tabs are allowed."""
    return _without(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", value)


def _without(characters: str, value: str | None) -> str | None:
    if value is not None and re.search(characters, value):
        raise PydanticCustomError("value_error", "control characters are not allowed")
    return value


class PageQuery(BaseModel):
    limit: int = Field(default=100, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=1_000_000)


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

    _checked = field_validator("name")(_one_line)


class LoginBody(WithEmail):
    password: str = Field(max_length=1024, repr=False)


class RefreshTokenBody(BaseModel):
    refresh_token: str = Field(min_length=1, max_length=1024, repr=False)


class ChangePasswordBody(BaseModel):
    current_password: str = Field(max_length=1024, repr=False)
    new_password: str = Field(min_length=PASSWORD_MIN_LENGTH, max_length=1024, repr=False)


class StartJobBody(BaseModel):
    resume_id: str = Field(max_length=64)
    agent: Literal["resume-analysis", "keyword-match"] = "resume-analysis"
    job_text: str | None = Field(default=None, max_length=20_000, repr=False)

    _checked = field_validator("job_text")(_long_text)


class CreateReviewBody(BaseModel):
    job_id: str = Field(max_length=64)
    title: str | None = Field(default=None, max_length=200)

    _checked = field_validator("title")(_one_line)


class AddCommentBody(BaseModel):
    body: str = Field(min_length=1, max_length=5000, repr=False)
    section: str | None = Field(default=None, max_length=100)

    _checked_body = field_validator("body")(_long_text)
    _checked_section = field_validator("section")(_one_line)


class FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UserOut(FromRow):
    id: str
    email: str
    name: str | None
    created_at: datetime


class TokensOut(FromRow):
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # a word of RFC 6750, no secret
    expires_in: int


class SessionOut(BaseModel):
    id: str
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    current: bool


class SessionListOut(BaseModel):
    sessions: list[SessionOut]


class ResumeOut(FromRow):
    id: str
    filename: str
    content_type: str
    size_bytes: int
    sha256: str | None
    created_at: datetime


class ResumeListOut(FromRow):
    resumes: list[ResumeOut]
    total: int


class AgentOut(FromRow):
    name: str
    description: str
    needs_job_text: bool


class AgentListOut(BaseModel):
    agents: list[AgentOut]


def _parsed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


class JobOut(FromRow):
    id: str
    agent: str
    resume_id: str
    status: str
    progress: int
    step: str | None
    attempt: int
    error: str | None
    result: Annotated[dict[str, Any] | None, BeforeValidator(_parsed)]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobListOut(FromRow):
    jobs: list[JobOut]
    total: int


class JobEventOut(FromRow):
    status: str
    progress: int
    step: str | None
    attempt: int


class CommentOut(FromRow):
    id: str
    section: str | None
    body: str
    created_at: datetime


class ReviewSummaryOut(FromRow):
    id: str
    resume_id: str
    job_id: str
    title: str
    score: int
    created_at: datetime
    updated_at: datetime


class ReviewListOut(FromRow):
    reviews: list[ReviewSummaryOut]
    total: int


class ReviewOut(FromRow):
    id: str
    resume_id: str
    job_id: str
    title: str
    score: int
    summary: str
    criteria: Annotated[list[dict[str, Any]], BeforeValidator(_parsed)]
    comments: list[CommentOut] = []
    created_at: datetime
    updated_at: datetime
