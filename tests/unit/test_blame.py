"""Who is blamed for what: the breaker of a service must not open for what others did."""

import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.blame import is_well, verdict_of


def error(kind, *, reused=False):
    return UpstreamError(kind, "x", sent=True, reused=reused)


@pytest.mark.parametrize(("status", "well"), [(200, 1), (302, 1), (401, 1), (404, 1), (429, 1), (499, 1), (500, 1)])
def test_an_answer_is_an_answer(status, well):
    assert is_well(status) == bool(well)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_service_that_says_that_it_cannot_answer_has_failed(status):
    assert not is_well(status)


@pytest.mark.parametrize("kind", [*UpstreamErrorKind])
def test_before_the_head_every_failure_is_the_upstreams_but_our_own_bounds(kind):
    ours = kind.value in {"pool_timeout", "full", "exhausted", "down"}
    assert verdict_of(error(kind), answered=False) is (None if ours else False)


@pytest.mark.parametrize("kind", [UpstreamErrorKind.IDLE_TIMEOUT, UpstreamErrorKind.TOTAL_TIMEOUT])
def test_a_stream_that_falls_silent_says_nothing(kind):
    assert verdict_of(error(kind), answered=True) is None


def test_a_reply_that_breaks_off_is_a_failure():
    assert verdict_of(error(UpstreamErrorKind.TRUNCATED), answered=True) is False


def test_an_old_connection_says_nothing():
    assert verdict_of(error(UpstreamErrorKind.CLOSED, reused=True), answered=False) is None
