"""/api/v1/openapi.json: the contract that both sides keep."""

from pathlib import Path

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from legacy_backend.core.config import ConfigError

CONTRACT = Path(__file__).parents[2] / "contract" / "openapi.yaml"


def contract_route() -> Route:
    """Reads it once, at start. Raises ConfigError."""
    try:
        content = JSONResponse(yaml.safe_load(CONTRACT.read_text("utf-8"))).body
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the contract {CONTRACT}: {str(error).splitlines()[0]}") from error

    async def openapi(_request: Request) -> Response:
        return Response(content, media_type="application/json")

    return Route("/api/v1/openapi.json", openapi, methods=["GET"])
