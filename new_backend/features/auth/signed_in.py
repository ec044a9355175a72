"""Who sends a request. Every feature's endpoints ask this first, before they look at a body or an id."""

from starlette.requests import Request

from new_backend.features.auth.errors import NotAuthenticatedError
from new_backend.features.auth.service import AuthService, Identity
from new_backend.infrastructure.http.errors import SIGNED_IN


class SignedIn:
    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def identity(self, request: Request) -> Identity:
        """Raises NotAuthenticatedError. From here on whatever is answered is private."""
        identity = await self._service.identity_of(_bearer(request))
        request.scope[SIGNED_IN] = True
        return identity

    async def user_id(self, request: Request) -> str:
        return (await self.identity(request)).user.id


def _bearer(request: Request) -> str:
    """RFC 6750, 2.1."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticatedError
    return token.strip()
