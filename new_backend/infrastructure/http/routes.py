"""One route for each path, whatever its methods: with one for each method, a 405 would name only the first's."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]


def resource(
    path: str, *, get: Endpoint | None = None, post: Endpoint | None = None, delete: Endpoint | None = None
) -> Route:
    """GET answers HEAD too: the server leaves the body out."""
    given = {"GET": get, "HEAD": get, "POST": post, "DELETE": delete}
    endpoints = {method: endpoint for method, endpoint in given.items() if endpoint is not None}

    async def dispatch(request: Request) -> Response:
        return await endpoints[request.method](request)

    return Route(path, dispatch, methods=sorted(endpoints))
