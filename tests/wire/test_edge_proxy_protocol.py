"""The PROXY header before a connection's first byte: whose it then is, who may say so, and what else is cut off."""

import asyncio
import contextlib
import json
import struct
from ipaddress import ip_address

import pytest

from gateway.certificate_files import load_pair
from gateway.config.load import load
from gateway.config.schema import CertificateFiles
from gateway.rules.plan import compile_plan
from tests.support.edge_cases import BOTH_LOOPS, EDGE, LAST
from tests.support.proxy_harness import gateway, head_of, one, two
from tests.support.scripted_upstream import answer_all, applies, eventually, serving
from tests.support.tls_peer import dialed, issue
from tests.support.websocket_peer import TEXT, echo, upgrade

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 51000 443\r\n"
V1_V6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n"
UNKNOWN = b"PROXY UNKNOWN\r\n"
FROM_HERE = 'proxy_protocol: ["127.0.0.0/8"]'


def v2(client, server, *, command=0x21):
    addresses = [ip_address(client), ip_address(server)]
    block = b"".join(address.packed for address in addresses) + struct.pack("!HH", 51_000, 443)
    return SIGNATURE + struct.pack("!BBH", command, 0x11 if addresses[0].version == 4 else 0x21, len(block)) + block


V2 = v2("203.0.113.7", "198.51.100.1")
V2_V6 = v2("2001:db8::7", "2001:db8::1")
LOCAL = SIGNATURE + b"\x20\0\0\0"
HEADERS = {"v1": V1, "v2": V2, "v1 IPv6": V1_V6, "v2 IPv6": V2_V6, "unknown": UNKNOWN, "local": LOCAL}
CLIENTS = ["203.0.113.7"] * 2 + ["2001:db8::7"] * 2 + ["127.0.0.1"] * 2
CASES = list(zip(HEADERS.values(), CLIENTS, strict=True))


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    pair = issue(tmp_path_factory.mktemp("tls"), "localhost")
    return load_pair(CertificateFiles(certificate_file=str(pair.certificate), key_file=str(pair.key)), pair.key).context


def behind(*lines, **limits):
    return "\n".join([FROM_HERE, *lines, f"limits: {json.dumps(limits)}" if limits else ""])


def forwarded_for(request):
    return dict(request.fields)[b"x-forwarded-for"].decode()


# -- whose connection it is


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize(("header", "address"), CASES, ids=list(HEADERS))
async def test_the_client_is_whom_the_balancer_names(header, address, step):
    async with serving(answer_all) as old, gateway(one(old, top=behind())) as gw, dialed(gw.port) as peer:
        await peer.raw(header + LAST, step=step)
        assert (await peer.reader.read()).startswith(b"HTTP/1.1 200 OK")
        (request,) = old.requests
        assert request.line == b"GET /last HTTP/1.1"
        assert forwarded_for(request) == address
        assert dict(request.fields)[b"x-forwarded-proto"] == b"http"
        assert gw.connections_refused == {}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize(("header", "address"), CASES, ids=list(HEADERS))
async def test_the_header_comes_before_the_handshake(shown, header, address, step):
    async with serving(answer_all) as old, gateway(one(old, top=behind()), tls=shown) as gw, dialed(gw.port) as peer:
        hello = peer.begin()
        await peer.raw(header + hello, step=step)
        await peer.raw(await peer.last_words())
        await peer.send(LAST)
        assert (await peer.read()).startswith(b"HTTP/1.1 200 OK")
        assert forwarded_for(old.requests[0]) == address
        assert dict(old.requests[0].fields)[b"x-forwarded-proto"] == b"https"


@applies(*EDGE)
async def test_every_request_of_the_connection_is_the_clients():
    async with serving(answer_all) as old, gateway(one(old, top=behind())) as gw, gw.client() as client:
        await client.send(V1)
        for number in range(3):
            assert (await client.get(f"/{number}", "x-forwarded-for: 192.0.2.1")).status == 200
        assert [forwarded_for(request) for request in old.requests] == ["203.0.113.7"] * 3


@applies(*EDGE)
async def test_the_split_goes_by_the_clients_address():
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, percent=50, feature="key: [client_ip]", top=behind("expose_decision: true"))
        async with gateway(text) as gw:
            sides = {}
            for number in range(40):
                async with gw.client() as client:
                    await client.send(V1.replace(b".113.7", b".113.%d" % number))
                    reply = await client.get("/api/auth/x")
                    sides[number] = reply[b"x-gateway-side"]
            assert set(sides.values()) == {b"legacy", b"new"}
            async with gw.client() as client:
                await client.send(v2("203.0.113.3", "198.51.100.1"))
                assert (await client.get("/api/auth/x"))[b"x-gateway-side"] == sides[3]


@applies(*EDGE)
@pytest.mark.parametrize(
    ("named", "expected"), [(V1, "203.0.113.7"), (V1.replace(b"203.0.113.7", b"192.0.2.9"), "10.9.9.9, 192.0.2.9")]
)
async def test_a_named_client_may_itself_be_a_trusted_proxy(named, expected):
    """Balancer, then a proxy of ours, then the user: the header names the proxy."""
    top = behind('trusted_proxies: ["192.0.2.0/24"]')
    async with serving(answer_all) as old, gateway(one(old, top=top)) as gw, gw.client() as client:
        await client.send(named)
        assert (await client.get("/", "x-forwarded-for: 10.9.9.9")).status == 200
        assert forwarded_for(old.requests[0]) == expected


@applies(*EDGE)
async def test_a_websocket_is_the_clients_too():
    async with serving(echo) as old, gateway(one(old, top=behind())) as gw, gw.client() as client:
        await client.send(V2)
        end = await upgrade(client)
        await end.send(TEXT, b"a")
        await end.expect(TEXT, b"a")
        await end.vanish()
        await gw.until_counted()


# -- limits


@applies(*EDGE)
@pytest.mark.parametrize("speaks", ["http", "https"])
async def test_limits_by_address_count_clients_and_not_the_balancer(shown, speaks):
    tls = shown if speaks == "https" else None
    top = behind(max_connections_per_client=2)
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=top), tls=tls) as gw,
        contextlib.AsyncExitStack() as open_,
    ):
        for number in range(8):
            peer = await open_.enter_async_context(dialed(gw.port))
            await peer.raw(V1.replace(b".113.7", b".113.%d" % (number // 2)))
            await _ask(peer, tls)
        counted = gw.server.server_state.by_client
        assert counted == {f"203.0.113.{number}": 2 for number in range(4)}
        late = await open_.enter_async_context(dialed(gw.port))
        await late.raw(V1.replace(b".113.7", b".113.1"))
        if tls is None:
            await late.raw(LAST)
            assert (await late.reader.read()).startswith(b"HTTP/1.1 503")
        else:
            with contextlib.suppress(ConnectionError):
                assert await late.reader.read() == b""
            assert gw.connections_refused == {"full": 1}
        assert len(old.requests) == 8


@applies(*EDGE)
async def test_headers_that_are_on_their_way_are_no_limit_to_the_balancer():
    top = behind(max_connections_per_client=2)
    async with serving(answer_all) as old, gateway(one(old, top=top)) as gw, contextlib.AsyncExitStack() as open_:
        for _ in range(5):
            await open_.enter_async_context(dialed(gw.port))
        await eventually(lambda: len(gw.server.server_state.swept) == 5)
        peer = await open_.enter_async_context(dialed(gw.port))
        await peer.raw(V1 + LAST)
        assert (await peer.reader.read()).startswith(b"HTTP/1.1 200 OK")
        assert gw.connections_refused == {}


async def _ask(peer, tls):
    if tls is not None:
        await peer.raw(peer.begin())
        await peer.raw(await peer.last_words())
        await peer.send(head_of("GET", "/"))
        await peer.read(b"ok")
    else:
        await peer.raw(head_of("GET", "/"))
        await peer.reader.readuntil(b"ok")


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("speaks", ["http", "https"])
async def test_a_balancer_that_stays_silent_is_cut_off_in_time(shown, speaks):
    """Also one that stops in the middle, or goes on a byte at a time: the time is for the whole."""
    tls = shown if speaks == "https" else None
    top = behind(head_timeout_seconds=0.3)
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=top), tls=tls) as gw,
        contextlib.AsyncExitStack() as open_,
    ):
        peers = [await open_.enter_async_context(dialed(gw.port)) for _ in range(9)]
        for number, peer in enumerate(peers):
            peer.writer.write((b"", b"PROXY TCP4 ", V2[:-1])[number % 3])
        drip = asyncio.ensure_future(_drip(peers[0], V1))
        ended = await asyncio.wait_for(
            asyncio.gather(*(each.reader.read() for each in peers), return_exceptions=True), 5
        )
        assert all(each == b"" or isinstance(each, ConnectionError) for each in ended)
        drip.cancel()
        assert gw.connections_refused == {"timeout": 9}
        assert old.peers == []
    assert gw.server.server_state.by_client == {}


async def _drip(peer, data):
    with contextlib.suppress(ConnectionError):
        for byte in data:
            await peer.raw(bytes([byte]))
            await asyncio.sleep(0.05)  # a peer's own slowness, not a wait for a result


# -- what is cut off


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("speaks", ["http", "https"])
@pytest.mark.parametrize(
    "sent",
    [
        LAST, b"PROXY TCP4 203.0.113.7\r\n" + LAST, b"PROXY UNKNOWN\n" + LAST, b"P" * 200, b"\x16\x03\x01",
        SIGNATURE + b"\x31\x11\0\x0c" + bytes(12) + LAST, SIGNATURE + b"\x21\x11\xff\xff",
        b"PROXY UNKNOWN " + b"x" * 200,
    ],
)  # fmt: skip
async def test_a_balancer_that_sends_anything_else_is_cut_off_and_counted(shown, sent, speaks):
    tls = shown if speaks == "https" else None
    async with serving(answer_all) as old, gateway(one(old, top=behind()), tls=tls) as gw, dialed(gw.port) as peer:
        await peer.raw(sent)
        with contextlib.suppress(ConnectionError):
            assert await peer.reader.read() == b""
        assert gw.connections_refused == {"proxy_header": 1}
        assert gw.requests == {}
        assert old.peers == []
        (line,) = [line for line in gw.logged.events if line["event"] == "connections refused"]
        assert (line["cause"], line["client"]) == ("proxy_header", "127.0.0.1")


@applies(*EDGE)
async def test_a_second_header_is_no_request():
    async with serving(answer_all) as old, gateway(one(old, top=behind())) as gw, dialed(gw.port) as peer:
        await peer.raw(V1 + V1 + LAST)
        assert (await peer.reader.read()).startswith(b"HTTP/1.1 400")
        await gw.until_counted()
        assert old.peers == []


@applies(*EDGE)
async def test_of_a_flood_a_line_is_logged_now_and_then():
    async with serving(answer_all) as old, gateway(one(old, top=behind())) as gw:
        for _ in range(20):
            async with dialed(gw.port) as peer:
                await peer.raw(b"nonsense")
                with contextlib.suppress(ConnectionError):
                    await peer.reader.read()
        assert gw.connections_refused == {"proxy_header": 20}
        assert len(gw.logged.events) == 1


@applies(*EDGE)
@pytest.mark.parametrize(("sent", "counted"), [(b"", {}), (b"PROXY ", {"gone": 1})])
async def test_a_balancer_that_looks_whether_the_port_is_open_is_no_failure(sent, counted):
    async with serving(answer_all) as old, gateway(one(old, top=behind())) as gw:
        async with dialed(gw.port) as peer:
            await peer.raw(sent)
            await eventually(lambda: len(gw.server.server_state.swept) == 1)
            await eventually(lambda: [each._begun for each in gw.server.server_state.swept] == [bool(sent)])
        await eventually(lambda: not gw.server.server_state.swept)
        assert gw.connections_refused == counted


# -- peers that are no balancers


@applies(*EDGE)
@pytest.mark.parametrize("header", [V1, V2, UNKNOWN, LOCAL])
@pytest.mark.parametrize("networks", ['["192.0.2.0/24"]', "[]"])
async def test_a_stranger_who_sends_a_header_is_not_believed(header, networks):
    top = f"proxy_protocol: {networks}"
    async with serving(answer_all) as old, gateway(one(old, top=top)) as gw, dialed(gw.port) as peer:
        await peer.raw(header + LAST)
        assert (await peer.reader.read()).startswith(b"HTTP/1.1 400")
        await gw.until_counted()
        assert old.peers == []


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("speaks", ["http", "https"])
async def test_a_stranger_is_served_without_a_header(shown, speaks):
    tls = shown if speaks == "https" else None
    top = 'proxy_protocol: ["192.0.2.0/24"]'
    async with serving(answer_all) as old, gateway(one(old, top=top), tls=tls) as gw, dialed(gw.port) as peer:
        await _ask(peer, tls)
        assert forwarded_for(old.requests[0]) == "127.0.0.1"


@applies(*EDGE)
async def test_an_edit_counts_for_the_connections_that_come_after_it():
    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as before:
        assert (await before.get("/1")).status == 200
        gw.plan = compile_plan(load(one(old, top=behind())).routes, "other")
        async with gw.client() as after:
            await after.send(V2)
            assert (await after.get("/2")).status == 200
        assert (await before.get("/3")).status == 200
        assert [forwarded_for(request) for request in old.requests] == ["127.0.0.1", "203.0.113.7", "127.0.0.1"]
