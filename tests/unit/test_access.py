"""Who may ask the admin port: the name it is asked by, the page that asks, the token."""

import pytest

from gateway.errors import ClientError
from gateway.rules.access import PROBES, Access, check_access, is_loopback

TOKEN = b"0123456789abcdef"
LOOPBACK = Access(None, "127.0.0.1")
EVERYWHERE = Access(TOKEN, "0.0.0.0", frozenset({"gw.example.com"}))
BEARER = (b"authorization", b"Bearer " + TOKEN)


def refused(access, *fields, path="/api/status", host=b"127.0.0.1:8001"):
    """The status of a refusal, None where there is none."""
    try:
        check_access(access, path, [(b"host", host), *fields])
    except ClientError as error:
        return error.status
    return None


@pytest.mark.parametrize(
    "host", [b"127.0.0.1:8001", b"127.0.0.1", b"localhost:8001", b"LocalHost", b"[::1]:8001", b"127.8.9.1"]
)
def test_loopback_is_asked_by_its_names(host):
    assert refused(LOOPBACK, host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.test", b"evil.test:8001", b"localhost.evil.test", b"127.0.0.1.evil.test", b"xlocalhost", b""),
        *(b"10.0.0.7", b"[2001:db8::1]:80", b"2130706433", b"0x7f.1", b"127.1", b"gw.example.com"),
    ],
)
def test_a_name_that_may_have_been_made_to_resolve_to_us_is_refused(host):
    assert refused(LOOPBACK, host=host) == 421


@pytest.mark.parametrize("host", [b"10.0.0.7:8001", b"[2001:db8::1]:8001", b"gw.example.com", b"GW.example.com:8001"])
def test_an_open_port_is_asked_by_any_address_and_by_the_names_it_was_given(host):
    assert refused(EVERYWHERE, BEARER, host=host) is None
    assert refused(Access(TOKEN, "::", frozenset({"gw.example.com"})), BEARER, host=host) is None


@pytest.mark.parametrize("host", [b"evil.test", b"www.gw.example.com", b"gw.example.com.evil.test"])
def test_an_open_port_is_not_asked_by_other_names(host):
    assert refused(EVERYWHERE, BEARER, host=host) == 421


def test_a_port_on_one_address_is_asked_by_that_address_alone():
    access = Access(TOKEN, "10.0.0.7")
    assert refused(access, BEARER, host=b"10.0.0.7:8001") is None
    assert refused(access, BEARER, host=b"10.0.0.8:8001") == 421


@pytest.mark.parametrize(
    "origin",
    [
        *(b"https://evil.test", b"null", b"", b"http://127.0.0.1:3000", b"http://127.0.0.1", b"http://localhost:8001"),
        *(b"http://[", b"http://x@127.0.0.1:8001", b"\xff"),
    ],
)
def test_a_page_of_another_origin_is_refused(origin):
    assert refused(LOOPBACK, (b"origin", origin)) == 403
    assert refused(LOOPBACK, (b"origin", origin), path="/metrics") == 403


def test_one_foreign_origin_among_several_is_enough():
    ours = (b"origin", b"http://127.0.0.1:8001")
    assert refused(LOOPBACK, ours) is None
    assert refused(LOOPBACK, ours, (b"origin", b"https://evil.test")) == 403


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"", b"same-origin, cross-site"])
def test_what_a_browser_calls_another_site_is_refused(site):
    assert refused(LOOPBACK, (b"sec-fetch-site", site)) == 403


@pytest.mark.parametrize("site", [b"same-origin", b"none"])
def test_our_own_pages_and_what_people_type_are_not(site):
    assert refused(LOOPBACK, (b"sec-fetch-site", site)) is None


@pytest.mark.parametrize("value", [b"Bearer " + TOKEN, b"bearer " + TOKEN, b"BEARER   " + TOKEN])
def test_the_token_is_taken(value):
    assert refused(EVERYWHERE, (b"authorization", value)) is None


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b""],
        [TOKEN],
        [b"Bearer"],
        [b"Bearer "],
        [b"Basic " + TOKEN],
        [b"Bearer " + TOKEN[:-1]],
        [b"Bearer " + TOKEN + b"0"],
        [b"Bearer " + TOKEN.upper()],
        [b"Bearer x, Bearer " + TOKEN],
        [b"Bearer " + TOKEN, b"Bearer " + TOKEN],
        [b"Bearer \xff"],
    ],
)
@pytest.mark.parametrize("path", ["/api/status", "/metrics", "/", "/healthz/", "/healthz/../api/status"])
def test_nothing_else_is(values, path):
    assert refused(EVERYWHERE, *((b"authorization", value) for value in values), path=path) == 401


def test_metrics_may_be_opened_and_nothing_else_with_them():
    opened = Access(TOKEN, "0.0.0.0", open_metrics=True)
    assert refused(opened, path="/metrics") is None
    for path in ("/api/status", "/metrics/", "/metrics/x", "/metricsx", "/METRICS"):
        assert refused(opened, path=path) == 401
    assert refused(opened, path="/metrics", host=b"evil.test") == 421


@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_are_open_to_everybody(path):
    assert refused(EVERYWHERE, path=path, host=b"evil.test") is None


def test_without_a_token_nobody_needs_one():
    assert refused(LOOPBACK, (b"authorization", b"Bearer whatever")) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_what_no_other_machine_reaches(address):
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "host", "", "localhost.evil.test"])
def test_everything_else_may_be_reached(address):
    assert not is_loopback(address)
