"""Reads a request's body into a model, bounded."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from new_backend.infrastructure.http.errors import InvalidRequestError

MAX_BODY_BYTES = 64 * 1024

ModelT = TypeVar("ModelT", bound=BaseModel)


async def read_json(request: Request, model: type[ModelT]) -> ModelT:
    """Called by endpoints. Raises InvalidRequestError (answered 422), or HTTPException 413 past MAX_BODY_BYTES."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, "Request body too large", headers={"Connection": "close"})
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        raise InvalidRequestError.of(error, place="body") from error
