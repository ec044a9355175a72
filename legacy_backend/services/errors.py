"""What services refuse."""


class EmailAlreadyRegisteredError(Exception):
    pass


class InvalidCredentialsError(Exception):
    """A wrong e-mail and a wrong password are one error on purpose."""


class InvalidRefreshTokenError(Exception):
    pass


class AuthenticationError(Exception):
    """No access token, or one that is not valid (any more)."""


class TooManyFailuresError(Exception):
    def __init__(self, retry_after: int) -> None:
        super().__init__(f"locked for {retry_after} s")
        self.retry_after = retry_after


class WrongPasswordError(Exception):
    pass


class NotFoundError(Exception):
    """What is not there, or belongs to somebody else; the text is the answer."""


class ConflictError(Exception):
    """What cannot be done as things stand; the text is the answer."""


class UnsupportedFileTypeError(Exception):
    pass


class AnalysisError(Exception):
    """Fails a job; the text is for its user and never holds a secret."""
