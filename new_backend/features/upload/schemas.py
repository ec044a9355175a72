"""What clients receive. The old application answers with the same fields in the same order."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class ResumeResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    filename: str
    content_type: str
    size_bytes: int
    sha256: str | None
    created_at: datetime


class ResumesResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    resumes: list[ResumeResponse]
    total: int
