"""What is told of a failure never holds a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.failures import BODY_CHARACTERS, Failure, short

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "body",
    [
        b'{"access_token":"tell-nobody"}',
        b'{"refresh_token" : "tell-nobody", "x": 1}',
        b'{"detail": "wrong password tell-nobody"}',
        f'{{"detail": "{JWT}"}}'.encode(),
        b"x" * 500 + b"tell-nobody",
    ],
)
def test_secrets_are_not_told(body):
    said = short(body, {"tell-nobody"})
    assert "tell-nobody" not in said
    assert JWT not in said


def test_tokens_that_nobody_knows_are_not_told_either():
    assert short(b'{"access_token":"unknown"}', set()) == '{"access_token":"***"}'


@given(st.integers(0, 2 * BODY_CHARACTERS))
def test_a_secret_that_the_cut_splits_is_not_told(before):
    said = short(b" " * before + b"0123456789abcdef" * 2, {"0123456789abcdef" * 2})
    assert "0123" not in said


@given(st.binary(max_size=1000))
def test_a_body_is_told_in_one_short_line(body):
    said = short(body, set())
    assert len(said) <= BODY_CHARACTERS + 3
    assert not any(ord(letter) < 32 for letter in said)


def test_a_failure_names_journey_step_status_side_and_request():
    failure = Failure("whole", 7, "upload", "status 500 instead of 201", 500, "new", "traffic-t-7-5", "oh")
    assert str(failure) == "whole 7, upload: status 500 instead of 201 (500 by new, request traffic-t-7-5): oh"
    assert "no answer, request" in str(Failure("whole", 7, "upload", "cut", request_id="traffic-t-7-5"))
