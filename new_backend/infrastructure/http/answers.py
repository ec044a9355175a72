"""The shapes that answers have in common."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import JSONResponse

NO_STORE = {"Cache-Control": "no-store"}


def private_json(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Tokens and personal data: no cache may keep them."""
    return JSONResponse(model.model_dump(mode="json"), status_code=status, headers={**NO_STORE, **(headers or {})})
