"""What services refuse."""


class EmailAlreadyRegisteredError(Exception):
    pass


class InvalidCredentialsError(Exception):
    """A wrong e-mail and a wrong password are one error on purpose."""


class InvalidRefreshTokenError(Exception):
    pass


class AuthenticationError(Exception):
    """No access token, or one that is not valid (any more)."""
