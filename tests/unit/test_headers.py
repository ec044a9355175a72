"""Which fields pass and which are made: nothing that a stranger says can pass for ours."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules import headers

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
OWN = [b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"via", b"x-request-id"]
OWN += [b"traceparent", b"host", b"content-length", b"x-gateway-side", b"x-gateway-anything", b"proxy"]


def request(*fields, trusted=False):
    return headers.forwardable_request(fields, headers.by_name(fields), trusted=trusted)


@pytest.mark.parametrize("name", [*OWN, *sorted(headers.HOP_BY_HOP)])
@pytest.mark.parametrize("trusted", [True, False])
def test_what_the_gateway_says_itself_is_taken_from_nobody(name, trusted):
    for spelling in (name, name.replace(b"-", b"_"), name.replace(b"-", b"_", 1)):
        assert request((spelling, b"1"), (b"x-other", b"2"), trusted=trusted) == [(b"x-other", b"2")]


@pytest.mark.parametrize(
    "name",
    [
        *(b"x-forwarded-port", b"x-forwarded-prefix", b"x_forwarded_ssl", b"x-real-ip"),
        *(b"x-original-url", b"x_rewrite_url"),
    ],
)
def test_what_else_speaks_of_hops_is_taken_from_trusted_proxies_alone(name):
    assert request((name, b"1")) == []
    assert request((name, b"1"), trusted=True) == [(name, b"1")]


@given(st.lists(st.tuples(st.sampled_from([b"x-a", b"cookie", b"accept", b"x_b"]), st.binary(max_size=5))))
def test_everything_else_passes_in_order(fields):
    assert request(*fields) == fields


@pytest.mark.parametrize("value", [b"x-a", b"X-A", b"close, x-a", b"keep-alive ,\tx-a,", b",x-a"])
def test_what_connection_names_is_dropped_both_ways(value):
    fields = [(b"connection", value), (b"x-a", b"1"), (b"x-b", b"2")]
    assert request(*fields) == [(b"x-b", b"2")]
    assert headers.forwardable_response(fields) == [(b"x-b", b"2")]


def test_connection_cannot_drop_what_identifies_a_user():
    fields = [(b"connection", b"authorization, cookie, host"), (b"authorization", b"x"), (b"cookie", b"y")]
    assert request(*fields) == fields[1:]


def test_a_reply_keeps_one_date_and_one_server_and_all_else():
    fields = [(b"date", b"1"), (b"set-cookie", b"a"), (b"date", b"2"), (b"server", b"x"), (b"set-cookie", b"b")]
    kept = headers.forwardable_response([*fields, (b"server", b"y")])
    assert kept == [(b"date", b"1"), (b"set-cookie", b"a"), (b"server", b"x"), (b"set-cookie", b"b")]


def test_what_is_remembered_of_an_upstreams_names_has_a_bound():
    """200 fields of 64 KiB, a new one in each reply: what is remembered of names would be 256 MiB."""
    headers._comes_back.clear()
    longest = b"x" * 256
    fields = [(longest, b"1"), (longest + b"x", b"2"), (b"x-a" * 20_000, b"3"), (b"x-b", b"4")]
    assert headers.forwardable_response(fields) == [(longest, b"1"), (b"x-b", b"4")]
    assert set(headers._comes_back) == {longest, b"x-b"}
    for number in range(10_000):
        headers.forwardable_response([(b"x-%d" % number, b"1")])
    assert len(headers._comes_back) <= 4096


@pytest.mark.parametrize("name", [b"x-gateway-side", b"x_gateway_side", b"content-length", b"x-request-id", b"te"])
def test_a_reply_cannot_say_what_we_say(name):
    assert headers.forwardable_response([(name, b"1")]) == []


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("1.1.1.1", b"6.6.6.6", "1.1.1.1"),
        ("10.0.0.1", b"6.6.6.6, 2.2.2.2", "2.2.2.2"),
        ("10.0.0.1", b"6.6.6.6, 2.2.2.2, 10.0.0.9", "2.2.2.2"),
        ("10.0.0.1", b"10.0.0.7, 10.0.0.8", "10.0.0.7"),
        ("10.0.0.1", b"2.2.2.2:1234", "2.2.2.2"),
        ("10.0.0.1", b"[2001:db8::1]:1234", "2001:db8::1"),
        ("10.0.0.1", b"2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"2.2.2.2, nonsense", "10.0.0.1"),
        ("10.0.0.1", b"2.2.2.2, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", b"fe80::1%\xe9", "10.0.0.1"),
        ("::ffff:10.0.0.1", b"2.2.2.2", "2.2.2.2"),
        ("fd00::1", b"2.2.2.2", "2.2.2.2"),
        ("", b"2.2.2.2", ""),
    ],
)
def test_the_users_address_is_the_last_that_no_trusted_proxy_has(peer, chain, address):
    assert headers.client_address(peer, [(b"x-forwarded-for", chain)], TRUSTED) == address


def test_a_chain_may_stand_in_several_fields():
    fields = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"2.2.2.2")]
    assert headers.client_address("10.0.0.1", fields, TRUSTED) == "2.2.2.2"


@given(st.binary(max_size=60))
def test_no_chain_of_a_stranger_is_believed_and_none_breaks_anything(chain):
    fields = [(b"x-forwarded-for", chain), (b"forwarded", chain), (b"x-forwarded-host", chain)]
    assert headers.client_address("1.1.1.1", fields, TRUSTED) == "1.1.1.1"
    headers.client_address("10.0.0.1", fields, TRUSTED).encode("ascii")
    made = headers.forwarding_fields(fields, peer="1.1.1.1", scheme="http", host=b"shop", trusted=False)
    assert dict(made) == {
        b"x-forwarded-for": b"1.1.1.1",
        b"x-forwarded-proto": b"http",
        b"x-forwarded-host": b"shop",
        b"forwarded": b'for=1.1.1.1;host="shop";proto=http',
        b"via": b"1.1 gateway",
    }


def test_an_ipv6_peer_is_quoted_in_forwarded():
    made = dict(headers.forwarding_fields([], peer="2001:db8::1", scheme="https", host=b"h", trusted=False))
    assert made[b"forwarded"] == b'for="[2001:db8::1]";host="h";proto=https'


def test_of_a_client_that_names_no_host_nothing_is_said_of_it():
    made = dict(headers.forwarding_fields([], peer="1.1.1.1", scheme="http", host=b"", trusted=False, version="1.0"))
    assert b"x-forwarded-host" not in made
    assert made[b"forwarded"] == b"for=1.1.1.1;proto=http"


def test_a_trusted_proxys_fields_are_continued():
    fields = [(b"x-forwarded-for", b"2.2.2.2"), (b"forwarded", b"for=2.2.2.2"), (b"via", b"1.0 a"), (b"via", b"1.1 b")]
    made = dict(headers.forwarding_fields(fields, peer="10.0.0.1", scheme="http", host=b"h", trusted=True))
    assert made[b"x-forwarded-for"] == b"2.2.2.2, 10.0.0.1"
    assert made[b"forwarded"] == b'for=2.2.2.2, for=10.0.0.1;host="h";proto=http'
    assert made[b"via"] == b"1.0 a, 1.1 b, 1.1 gateway"


@pytest.mark.parametrize(("version", "ours"), [("1.0", b"1.0 gateway"), ("1.1", b"1.1 gateway"), ("2", b"2 gateway")])
def test_via_says_in_which_version_the_request_came(version, ours):
    made = headers.forwarding_fields([], peer="1.1.1.1", scheme="http", host=b"h", trusted=False, version=version)
    assert dict(made)[b"via"] == ours


@pytest.mark.parametrize(
    ("given", "proto", "host"),
    [
        ((b"https", b"shop.example"), b"https", b"shop.example"),
        ((b"https, http", b"shop.example, inner:80"), b"https, http", b"shop.example, inner:80"),
        ((b"wss", b""), b"wss", b"h"),
        ((b"javascript:", b"a/b"), b"http", b"h"),
        ((b"https, gopher", b"shop.example, a b"), b"http", b"h"),
        ((b"", b'"'), b"http", b"h"),
    ],
)
def test_a_trusted_proxys_scheme_and_host_are_continued_where_they_are_one(given, proto, host):
    fields = [(b"x-forwarded-proto", given[0]), (b"x-forwarded-host", given[1])]
    made = dict(headers.forwarding_fields(fields, peer="10.0.0.1", scheme="http", host=b"h", trusted=True))
    assert (made[b"x-forwarded-proto"], made[b"x-forwarded-host"]) == (proto, host)


@pytest.mark.parametrize("host", [b"a", b"a.b:80", b"[::1]:80", b"127.0.0.1", b"a_b", b"", b"a%20b"])
def test_hosts(host):
    assert headers.is_host(host)


@pytest.mark.parametrize("host", [b"a b", b'a"', b"a\\", b"a/b", b"a@b", b"a:b", b"[::1", b"\xff", b"a, b", b"a?"])
def test_what_is_no_host(host):
    assert not headers.is_host(host)


def test_the_users_origin_is_a_trusted_proxys_word():
    named = {b"x-forwarded-proto": b"https, http", b"x-forwarded-host": b"shop.example, inner"}
    assert headers.client_origin(named, scheme="http", host=b"h", trusted=True) == ("https", b"shop.example")
    assert headers.client_origin(named, scheme="http", host=b"h", trusted=False) == ("http", b"h")
    odd = {b"x-forwarded-proto": b"gopher", b"x-forwarded-host": b'"'}
    assert headers.client_origin(odd, scheme="http", host=b"h", trusted=True) == ("http", b"h")
