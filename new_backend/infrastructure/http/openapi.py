"""The contract that both sides serve and are held to: contract/openapi.yaml."""

from pathlib import Path

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from new_backend.infrastructure.http.routes import resource
from new_backend.infrastructure.settings import SetupError

CONTRACT = Path(__file__).parents[3] / "contract" / "openapi.yaml"


def openapi_route(file: Path = CONTRACT) -> Route:
    """Called when the application is made: reads the file once. Raises SetupError where it cannot be read."""
    try:
        contract = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SetupError(f"cannot read the contract {file}: {type(error).__name__}") from error
    body = JSONResponse(contract).body

    async def serve(_request: Request) -> Response:
        return Response(body, media_type="application/json")

    return resource("/api/v1/openapi.json", get=serve)
