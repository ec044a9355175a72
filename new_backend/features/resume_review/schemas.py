"""What clients send and receive. The old application answers with the same fields in the same order."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json

from new_backend.infrastructure.fields import lines, one_line
from resumekit.scoring import Criterion

MAX_TITLE = 200


class CreateReviewRequest(BaseModel):
    job_id: str = Field(max_length=64)
    title: Annotated[str, Field(max_length=MAX_TITLE), AfterValidator(one_line)] | None = None


class AddCommentRequest(BaseModel):
    body: Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(lines)]
    section: Annotated[str, Field(max_length=100), AfterValidator(one_line)] | None = None


class CommentResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    section: str | None
    body: str
    created_at: datetime


class ReviewSummaryResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    resume_id: str
    job_id: str
    title: str
    score: int
    created_at: datetime
    updated_at: datetime


class ReviewsResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    reviews: list[ReviewSummaryResponse]
    total: int


def _stored_json(text: object) -> object:
    return from_json(text) if isinstance(text, str) else text


class ReviewResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    resume_id: str
    job_id: str
    title: str
    score: int
    summary: str
    criteria: Annotated[list[Criterion], BeforeValidator(_stored_json)]
    comments: list[CommentResponse] = []
    created_at: datetime
    updated_at: datetime
