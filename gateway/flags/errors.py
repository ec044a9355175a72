"""What can go wrong with Redis, in an operator's words and without secrets."""

import ssl

from redis import exceptions as redis_errors

STORE_ERRORS = (redis_errors.RedisError, OSError, TimeoutError, EOFError)
"""Everything that a conversation with Redis may raise."""

_BY_CODE = {
    "WRONGPASS": "refuses the user name or password",
    "NOAUTH": "asks for a password, and none is configured",
    "NOPERM": "does not permit this user a command that is needed",
    "LOADING": "is still loading its data",
    "MISCONF": "refuses writes because it cannot save to disk",
    "READONLY": "is a read-only replica",
    "OOM": "is out of memory (maxmemory) and refuses writes",
    "MASTERDOWN": "is a replica that has lost its primary",
    "NOREPLICAS": "refuses writes for want of replicas",
    "WRONGTYPE": "holds a key of the wrong type",
    "BUSY": "is busy with a script",
}

_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (redis_errors.AuthenticationError, "WRONGPASS"),
    (redis_errors.NoPermissionError, "NOPERM"),
    (redis_errors.BusyLoadingError, "LOADING"),
    (redis_errors.ReadOnlyError, "READONLY"),
    (redis_errors.OutOfMemoryError, "OOM"),
    (redis_errors.MasterDownError, "MASTERDOWN"),
)


def in_words(error: BaseException) -> str:
    """One line about an error of the store; never the URL, which may hold a password."""
    if (secure := _ssl_error(error)) is not None:
        return _of_tls(secure)
    if isinstance(error, TimeoutError | redis_errors.TimeoutError):
        return "Redis does not answer in time"
    code = _code(error)
    detail = " ".join(str(error).split())[:200]
    if code in _BY_CODE:
        return f"Redis {_BY_CODE[code]} ({detail or code})"
    if "exec without multi" in detail.lower():  # redis-py tells of the last refusal alone
        return f"Redis {_BY_CODE['NOPERM']} (MULTI)"
    if "unknown subcommand" in detail.lower() or "unknown command" in detail.lower():
        return f"Redis is too old: client tracking needs Redis 6 or Valkey ({detail})"
    if isinstance(error, redis_errors.ResponseError):
        return f"Redis refuses a command ({detail})"
    return f"Redis is not reachable ({detail or type(error).__name__})"


def _of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Redis shows a certificate that is not trusted ({error.verify_message})"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"no secure connection to Redis can be made ({' '.join(reason.split())[:200]})"


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _code(error: BaseException) -> str:
    """The error code that the server sent, which redis-py cuts off for some of its classes."""
    first = str(error).split(" ", 1)[0].strip("-:")
    if first in _BY_CODE or first == "NOAUTH":
        return first
    if isinstance(error, redis_errors.AuthenticationError) and "required" in str(error).lower():
        return "NOAUTH"
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), first)
