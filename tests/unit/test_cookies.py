"""The cookie of our own, and the replies that must not carry it."""

import pytest

from gateway.rules.cookies import is_private, issued_cookie, may_be_stored_by_shared_caches


def test_the_flags():
    assert issued_cookie("id", b"x", secure=False) == b"id=x; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"
    assert issued_cookie("id", b"x", secure=True).endswith(b"; SameSite=Lax; Secure")


@pytest.mark.parametrize(
    "fields",
    [
        [(b"cache-control", b"public")],
        [(b"cache-control", b"MAX-AGE=60")],
        [(b"cache-control", b"no-cache"), (b"cache-control", b"s-maxage=1")],
        [(b"cache-control", b"max-age=0, must-revalidate")],
        [(b"cache-control", b'private="set-cookie", max-age=5')],
        [(b"cache-control", b"private"), (b"cdn-cache-control", b"max-age=60")],
        [(b"cache-control", b"no-store"), (b"surrogate-control", b"max-age=60")],
        [(b"expires", b"x")],
        [(b"last-modified", b"x")],
    ],
)
@pytest.mark.parametrize("status", [200, 404, 503])
def test_what_a_shared_cache_may_keep(fields, status):
    assert may_be_stored_by_shared_caches(b"GET", status, fields)
    assert may_be_stored_by_shared_caches(b"HEAD", status, fields)


def test_a_304_updates_what_a_cache_has_kept():
    assert may_be_stored_by_shared_caches(b"GET", 304, [])


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        (b"GET", []),
        (b"GET", [(b"cache-control", b"private, max-age=60"), (b"last-modified", b"x")]),
        (b"GET", [(b"cache-control", b"no-store"), (b"expires", b"x")]),
        (b"GET", [(b"cache-control", b"no-cache")]),
        (b"POST", [(b"cache-control", b"public")]),
    ],
)
def test_what_it_may_not_keep(method, fields):
    assert not may_be_stored_by_shared_caches(method, 200, fields)


def test_private_is_said_once():
    assert is_private([(b"cache-control", b"max-age=1, Private")])
    assert not is_private([(b"cache-control", b'private="x"')])
    assert not is_private([])
