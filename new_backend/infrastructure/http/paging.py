"""`limit` and `offset` of lists."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from new_backend.infrastructure.http.errors import InvalidRequestError


class Page(BaseModel):
    model_config = ConfigDict(frozen=True)

    limit: Annotated[int, Field(ge=1, le=100)] = 100
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


def read_page(request: Request) -> Page:
    """Called by endpoints that list. Of a parameter that is repeated the last counts. Raises InvalidRequestError."""
    try:
        return Page.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise InvalidRequestError.of(error, place="query") from error
