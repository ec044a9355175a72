"""Errors of the store in an operator's words."""

import pytest
from redis import exceptions as redis_errors

from gateway.flags.errors import in_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (redis_errors.BusyLoadingError("Redis is loading the dataset in memory"), "still loading"),
        (redis_errors.ResponseError("MISCONF Errors writing to the AOF file"), "cannot save to disk"),
        (redis_errors.ReadOnlyError("You can't write against a read only replica."), "read-only replica"),
        (redis_errors.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "out of memory"),
        (redis_errors.AuthenticationError("invalid username-password pair or user is disabled."), "password"),
        (redis_errors.AuthenticationError("Authentication required."), "asks for a password"),
        (redis_errors.ResponseError("NOAUTH Authentication required."), "asks for a password"),
        (redis_errors.NoPermissionError("this user has no permissions to run the 'get' command"), "does not permit"),
        (redis_errors.ResponseError("unknown subcommand 'TRACKING'. Try CLIENT HELP."), "too old"),
        (redis_errors.ConnectionError("Connection closed by server."), "not reachable"),
        (ConnectionRefusedError(111, "Connection refused"), "not reachable"),
        (TimeoutError(), "does not answer in time"),
        (redis_errors.TimeoutError("Timeout reading from 127.0.0.1:1"), "does not answer in time"),
        (redis_errors.ResponseError("ERR something"), "refuses a command (ERR something)"),
    ],
)
def test_an_error_is_told_in_words(error: Exception, words: str):
    assert words in in_words(error)
