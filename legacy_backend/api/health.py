"""/healthz: the process answers. Asks nothing of the database."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from legacy_backend.core.config import SIDE


async def healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok", "side": SIDE})


routes = [Route("/healthz", healthz, methods=["GET"])]
