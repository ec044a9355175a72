import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.retry import MAX_ATTEMPTS, may_retry


def error(kind=UpstreamErrorKind.CLOSED, *, sent=True, reused=True):
    return UpstreamError(kind, "x", sent=sent, reused=reused)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"])
def test_what_does_no_harm_twice_is_tried_again(method):
    assert may_retry(error(), method=method, replayable=True, attempts=1)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"LOCK"])
def test_anything_else_only_if_nothing_was_sent(method):
    assert not may_retry(error(), method=method, replayable=True, attempts=1)
    assert may_retry(error(sent=False), method=method, replayable=True, attempts=1)


@pytest.mark.parametrize("sent", [True, False])
def test_a_body_that_is_gone_is_not_sent_again(sent):
    assert not may_retry(error(sent=sent), method=b"PUT", replayable=False, attempts=1)


def test_a_connection_that_was_new_is_not_stale():
    assert not may_retry(error(reused=False), method=b"GET", replayable=True, attempts=1)


@pytest.mark.parametrize("kind", [kind for kind in UpstreamErrorKind if kind is not UpstreamErrorKind.CLOSED])
def test_only_a_closed_connection_is_tried_again(kind):
    assert not may_retry(error(kind, sent=False), method=b"GET", replayable=True, attempts=1)


def test_tries_are_bounded():
    assert not may_retry(error(), method=b"GET", replayable=True, attempts=MAX_ATTEMPTS)
