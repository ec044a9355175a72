"""What clients send and receive. The old application answers with the same fields in the same order."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic_core import from_json

from new_backend.infrastructure.fields import lines


class StartJobRequest(BaseModel):
    resume_id: str = Field(max_length=64)
    agent: Literal["resume-analysis", "keyword-match"] = "resume-analysis"
    job_text: Annotated[str, Field(max_length=20_000), AfterValidator(lines)] | None = None


class AgentResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    description: str
    needs_job_text: bool


class AgentsResponse(BaseModel):
    agents: list[AgentResponse]


def _stored_json(text: object) -> object:
    return from_json(text) if isinstance(text, str) else text


class JobResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    agent: str
    resume_id: str
    status: str
    progress: int
    step: str | None
    attempt: int
    error: str | None
    result: Annotated[dict[str, JsonValue] | None, BeforeValidator(_stored_json)]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobsResponse(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    jobs: list[JobResponse]
    total: int


class EventResponse(BaseModel):
    """The data of one server-sent event."""

    model_config = ConfigDict(from_attributes=True)

    status: str
    progress: int
    step: str | None
    attempt: int
