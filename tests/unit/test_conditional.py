"""What may be compared of a request about a copy that the client has."""

import pytest

from gateway.rules.conditional import is_about_a_copy


@pytest.mark.parametrize(
    ("method", "field", "status", "is_one"),
    [
        (b"GET", b"accept", 200, False),
        (b"GET", b"if-none-match", 200, False),
        (b"HEAD", b"if-modified-since", 200, False),
        (b"GET", b"if-none-match", 304, True),
        (b"GET", b"accept", 304, True),
        (b"GET", b"if-range", 206, True),
        (b"GET", b"if-match", 412, True),
        (b"PUT", b"if-match", 200, True),
        (b"DELETE", b"if-unmodified-since", 204, True),
        (b"PUT", b"if-none-match", 201, True),
        (b"POST", b"accept", 201, False),
    ],
)
def test_who_asks_about_a_copy(method, field, status, is_one):
    assert is_about_a_copy(method, [(b"host", b"a"), (field, b"x")], status) is is_one
