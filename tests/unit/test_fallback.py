"""What may be sent to legacy after new: never what could do harm twice."""

import pytest

from gateway.rules.fallback import MAX_BODY_BYTES, fallback_plan, is_at_hand, may_go_twice


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE"])
def test_safe_methods_may(method):
    assert may_go_twice(method, idempotent_too=False)


@pytest.mark.parametrize("method", [b"PUT", b"DELETE"])
def test_idempotent_ones_where_the_route_says_so(method):
    assert not may_go_twice(method, idempotent_too=False)
    assert may_go_twice(method, idempotent_too=True)


@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"CONNECT", b"get", b"LOCK"])
def test_nothing_else_ever(method):
    assert not may_go_twice(method, idempotent_too=True)


def test_a_body_is_at_hand_where_it_is_whole_and_not_too_large():
    assert is_at_hand(None, complete=True)
    assert is_at_hand(b"x" * MAX_BODY_BYTES, complete=True)
    assert not is_at_hand(b"x" * (MAX_BODY_BYTES + 1), complete=True)
    assert not is_at_hand(None, complete=False)


def test_what_says_that_a_service_cannot_answer_is_always_among_the_statuses():
    assert fallback_plan(asked_for=(), max_in_flight=1).statuses == {502, 503, 504}
    assert fallback_plan(asked_for=(404,), max_in_flight=1).statuses == {404, 502, 503, 504}
