"""What the feature refuses."""

from datetime import timedelta

from new_backend.features.auth.lockout import whole_seconds
from new_backend.infrastructure.errors import ServiceError


class EmailTakenError(ServiceError):
    status = 409
    detail = "Email already registered"


class InvalidCredentialsError(ServiceError):
    """For a wrong e-mail and a wrong password alike: nobody learns who has an account."""

    status = 401
    detail = "Invalid email or password"


class LockedError(ServiceError):
    status = 429
    detail = "Too many failed logins; try again later"

    def __init__(self, left: timedelta) -> None:
        super().__init__(left)
        self.headers = {"Retry-After": str(whole_seconds(left))}


class WrongPasswordError(ServiceError):
    status = 403
    detail = "Current password is wrong"


class InvalidRefreshTokenError(ServiceError):
    status = 401
    detail = "Invalid refresh token"


class SessionNotFoundError(ServiceError):
    status = 404
    detail = "Session not found"


class NotAuthenticatedError(ServiceError):
    status = 401
    detail = "Not authenticated"

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"WWW-Authenticate": "Bearer"}
