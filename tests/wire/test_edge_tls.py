"""TLS towards clients: what is agreed on, how a connection ends, and clients that do not get so far."""

import asyncio
import contextlib
import json
import ssl
import sys
import warnings

import pytest

from gateway.certificate_files import load_pair
from gateway.certificates import Certificates, without_bad_names
from gateway.config.schema import CertificateFiles, Tls
from tests.support.edge_cases import BOTH_LOOPS, EDGE, LAST
from tests.support.proxy_harness import BrokenReplyError, gateway, head_of, one, two
from tests.support.scripted_upstream import answer_all, answering, applies, eventually, serving
from tests.support.tls_peer import KeyUpdates, dialed, issue, trusting
from tests.support.websocket_peer import TEXT, echo, upgrade

GET = head_of("GET", "/")
CLIENT = {"ssl": trusting(), "server_hostname": "localhost"}
SILENT = b"HTTP/1.1 200 OK\r\n\r\nhello"
BROKEN = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The context that workers make of a pair of files."""
    pair = issue(tmp_path_factory.mktemp("tls"), "localhost")
    return load_pair(CertificateFiles(certificate_file=str(pair.certificate), key_file=str(pair.key)), pair.key).context


def limits(**values):
    return f"limits: {json.dumps(values)}"


@contextlib.asynccontextmanager
async def ready(shown, script=answer_all, *, top=""):
    """An origin, a gateway that speaks TLS, and a client that has shaken hands."""
    async with serving(script) as old, gateway(one(old, top=top), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands()
        yield old, gw, peer


# -- requests


@applies(*BOTH_LOOPS)
async def test_requests_and_bodies_both_ways(shown):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, gw.client(**CLIENT) as client:
        body = bytes(range(256)) * 8192
        for number in range(3):
            reply = await client.ask("POST", f"/{number}", f"content-length: {len(body)}", body=body)
            assert reply.status == 200
            assert old.requests[number].body == body
        assert len(old.peers) == 1
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() is None


@applies(*BOTH_LOOPS)
async def test_a_large_answer_reaches_a_slow_reader_whole(shown):
    body = bytes(range(256)) * 40_000
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    async with serving(answering(reply)) as old, gateway(one(old), tls=shown) as gw, gw.client(**CLIENT) as client:
        await client.send(GET)
        assert (await client.head())[0] == 200
        await eventually(lambda: any(each.write_paused for each in gw.server.server_state.swept))
        assert await client.reader.readexactly(len(body)) == body


@applies(*BOTH_LOOPS)
async def test_bytes_that_come_one_by_one(shown):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands(step=1)
        await peer.send(LAST, step=1)
        assert (await peer.read()).startswith(b"HTTP/1.1 200 OK")
        assert peer.goodbye
        assert [request.line for request in old.requests] == [b"GET /last HTTP/1.1"]


@applies(*BOTH_LOOPS)
async def test_a_request_behind_the_last_words_of_the_handshake_is_not_lost(shown):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.raw(peer.begin())
        await peer.raw(await peer.last_words() + peer.sealed(LAST))
        assert (await peer.read()).startswith(b"HTTP/1.1 200 OK")
        assert len(old.requests) == 1


@applies(*EDGE)
async def test_the_origin_hears_of_https_and_cookies_are_secure(shown):
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, feature="key: ['cookie:gateway_id'], no_key: issue")
        async with gateway(text, tls=shown) as gw, gw.client(**CLIENT) as client:
            reply = await client.get("/api/auth/x", "x-forwarded-proto: http")
            fields = dict((old.requests + new.requests)[0].fields)
            assert fields[b"x-forwarded-proto"] == b"https"
            assert b"proto=https" in fields[b"forwarded"]
            assert b"; Secure" in reply[b"set-cookie"]


@applies(*BOTH_LOOPS)
async def test_a_websocket(shown):
    async with serving(echo) as old, gateway(one(old), tls=shown) as gw, gw.client(**CLIENT) as client:
        end = await upgrade(client)
        for text in (b"a", b"b" * 100_000):
            await end.send(TEXT, text)
            await end.expect(TEXT, text)
        await end.close(1000)
        await end.expect_close(1000)
        await end.gone()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "101"): 1}


# -- what is agreed on


def old_client():
    """One that speaks no more than TLS 1.1."""
    context = trusting()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@applies(*EDGE)
async def test_tls_1_1_is_refused_and_counted(shown):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL"):
            await peer.shake_hands(context=old_client())
        assert gw.connections_refused == {"tls": 1}
        assert old.peers == []


@applies(*EDGE)
@pytest.mark.parametrize(("offered", "agreed"), [(["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)])
async def test_http_1_1_is_agreed_on(shown, offered, agreed):
    context = trusting(minimum_version=ssl.TLSVersion.TLSv1_2)
    if offered:
        context.set_alpn_protocols(offered)
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands(context=context)
        assert peer.tls.selected_alpn_protocol() == agreed


@applies(*EDGE)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_serve_and_are_counted(shown, version):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands(context=trusting(maximum_version=version, minimum_version=version))
        await peer.send(LAST)
        assert (await peer.read()).startswith(b"HTTP/1.1 200 OK")
        name = version.name.replace("_", ".")
        assert gw._samples("gateway_tls_handshakes_total", "version") == {(name,): 1}


@applies(*EDGE)
async def test_no_client_may_begin_the_handshake_anew(shown):
    assert shown.options & ssl.OP_NO_RENEGOTIATION
    assert shown.options & ssl.OP_NO_COMPRESSION


# -- clients that get no further


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("head", [head_of("GET", "/a?secret=1"), b"\0\1\2\3", b"\r\n" + GET, b"PRI * HTTP/2.0\r\n\r\n"])
async def test_what_is_no_tls_is_answered_400_and_counted(shown, head):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, gw.client() as client:
        await client.send(head)
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (400, b"close")
        assert b"speaks TLS" in reply.body
        assert await client.closed() == b""
        assert gw.connections_refused == {"plain_http": 1}
        assert gw.requests == {("none", "none", "400"): 1}
        assert "secret" not in str(gw.logged.events)
        assert old.peers == []


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x00\x05nonsense", b"\x16GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff\1"]
)
async def test_a_handshake_that_is_none_is_ended_with_an_alert(shown, sent):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, gw.client() as client:
        await client.send(sent)
        left = await client.closed()
        assert left[:1] in (b"", b"\x15")
        assert gw.connections_refused == {"tls": 1}
        assert old.peers == []


@applies(*BOTH_LOOPS)
async def test_slow_handshakes_end_with_the_heads_time_and_hold_up_nobody(shown):
    """Some say nothing, some stop in the middle, some go on a byte at a time."""
    top = limits(head_timeout_seconds=3)
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=top), tls=shown) as gw,
        contextlib.AsyncExitStack() as open_,
    ):
        slow = [await open_.enter_async_context(dialed(gw.port)) for _ in range(60)]
        hello = slow[0].begin()
        for number, peer in enumerate(slow):
            peer.writer.write(hello[: (0, 5, len(hello) - 1)[number % 3]])
        drip = asyncio.ensure_future(_drip(slow[1], hello[5:-1]))
        async with gw.client(**CLIENT) as client:
            assert (await client.get()).status == 200
            assert len(gw.server.server_state.swept) == 61
            ended = [peer.reader.read() for peer in slow]
            results = await asyncio.wait_for(asyncio.gather(*ended, return_exceptions=True), 20)
            assert all(result == b"" or isinstance(result, ConnectionError) for result in results)
            assert (await client.get()).status == 200
        drip.cancel()
        assert gw.connections_refused == {"timeout": 60}
        assert len(old.requests) == 2


async def _drip(peer, data):
    with contextlib.suppress(ConnectionError):
        for byte in data:
            await peer.raw(bytes([byte]))
            await asyncio.sleep(0.02)  # a client's own slowness, not a wait for a result


@applies(*EDGE)
@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_client"])
async def test_a_connection_that_shakes_hands_counts_among_the_connections(shown, limit):
    async with serving(answer_all) as old, gateway(one(old, top=limits(**{limit: 3})), tls=shown) as gw:
        async with dialed(gw.port) as silent, dialed(gw.port) as begun, gw.client(**CLIENT) as served:
            assert (await served.get()).status == 200
            begun.writer.write(begun.begin()[:9])
            await eventually(lambda: len(gw.server.server_state.swept) == 3)
            async with dialed(gw.port) as late:
                with contextlib.suppress(ConnectionError):
                    assert await late.reader.read() == b""
            assert gw.connections_refused == {"full": 1}
            assert (await served.get()).status == 200
            silent.writer.close()
        await eventually(lambda: not gw.server.server_state.swept)
        assert gw.server.server_state.by_client == {}
        async with gw.client(**CLIENT) as client:
            assert (await client.get()).status == 200


@applies(*EDGE)
@pytest.mark.parametrize(("sent", "counted"), [(0, {}), (9, {"gone": 1})])
async def test_a_client_that_leaves_before_it_has_shaken_hands(shown, sent, counted):
    """One that only looks whether the port is open is no failure."""
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw:
        async with dialed(gw.port) as peer:
            peer.writer.write(peer.begin()[:sent])
            await eventually(lambda: len(gw.server.server_state.swept) == 1)
        await eventually(lambda: not gw.server.server_state.swept)
        assert gw.connections_refused == counted


@applies(*EDGE)
async def test_a_record_that_was_tampered_with_ends_the_connection(shown):
    async with ready(shown, top=limits(head_timeout_seconds=600)) as (old, gw, peer):
        record = bytearray(peer.sealed(GET))
        record[-1] ^= 1
        await peer.raw(bytes(record) + peer.sealed(GET))
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert await asyncio.wait_for(peer.read(), 10) == b""
        await eventually(lambda: not gw.server.server_state.swept)
        assert old.peers == []


# -- how a connection ends


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("shut", [False, True])
async def test_a_client_that_has_said_goodbye_gets_its_answer(shown, shut):
    """shut: and has shut down its side of the connection."""
    async with ready(shown) as (old, gw, peer):
        await peer.send(GET)
        await peer.say_goodbye()
        if shut:
            peer.writer.write_eof()
        assert (await peer.read()).endswith(b"ok")
        assert len(old.requests) == 1
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "200"): 1}


@applies(*BOTH_LOOPS)
async def test_a_client_that_shuts_down_without_a_goodbye_gets_its_answer(shown):
    async with ready(shown) as (_, gw, peer):
        await peer.send(GET)
        peer.writer.write_eof()
        assert (await peer.read()).endswith(b"ok")
        assert peer.goodbye
        await gw.until_counted()


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("polite", [False, True])
@pytest.mark.parametrize("sent", [GET[:-2], head_of("POST", "/", "content-length: 9") + b"half"])
async def test_half_a_request_and_no_more_is_none(shown, polite, sent):
    async with ready(shown) as (old, gw, peer):
        await peer.send(sent)
        if polite:
            await peer.say_goodbye()
        peer.writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await peer.read()
        await gw.until_counted()
        assert old.requests == []


@applies(*BOTH_LOOPS)
async def test_a_refused_upload_is_told_so_while_it_still_sends(shown):
    """What comes after our goodbye is thrown away: a reset would take the answer with it."""
    text = "version: 1\nupstreams: {{old: {{url: '{old}'}}}}\nroutes: [{{path: /a, upstream: old}}]\n"
    async with serving(answer_all) as old, gateway(text.format(old=old.url), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands()
        await peer.send(head_of("POST", "/nowhere", "content-length: 5000000"))
        for _ in range(40):
            await peer.send(b"x" * 65_536)
        answer = await peer.read()
        assert answer.startswith(b"HTTP/1.1 404")
        assert answer.endswith(b"}")
        assert peer.goodbye
        assert old.peers == []


@applies(*BOTH_LOOPS)
async def test_what_is_thrown_away_behind_a_goodbye_has_a_bound(shown, monkeypatch):
    async def send_on(peer):
        for _ in range(400):
            await peer.send(b"x" * 65_536)

    monkeypatch.setattr("gateway.edge.tls.DISCARDED_BYTES", 1_000_000)
    async with ready(shown) as (_, gw, peer):
        await peer.send(b"POST / HTTP/1.1\r\ncontent-length: 500000000\r\n\r\n")  # without Host
        with pytest.raises(ConnectionError):
            await send_on(peer)
        await eventually(lambda: not gw.server.server_state.swept)


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.0\r\n\r\n", GET])
async def test_a_broken_answer_ends_in_a_reset_and_without_a_goodbye(shown, request_line):
    async def script(peer):
        await peer.request()
        await peer.send(BROKEN)
        await seen.wait()

    seen = asyncio.Event()
    async with ready(shown, script) as (_, gw, peer):
        await peer.send(request_line)
        await peer.read(b"hello")
        seen.set()
        with pytest.raises(ConnectionResetError):
            await peer.read()
        assert not peer.goodbye
        await gw.until_counted()


@applies(*BOTH_LOOPS)
async def test_a_whole_answer_to_the_end_of_the_connection_ends_in_a_goodbye(shown):
    async with ready(shown, answering(SILENT)) as (_, gw, peer):
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await peer.read()).endswith(b"\r\n\r\nhello")
        assert peer.goodbye
        await gw.until_counted()


@applies(*BOTH_LOOPS)
async def test_an_idle_connection_ends_in_a_goodbye(shown):
    async with ready(shown, top=limits(keep_alive_seconds=0.1)) as (_, _, peer):
        await peer.send(GET)
        assert (await peer.read()).endswith(b"ok")
        assert peer.goodbye


@applies(*BOTH_LOOPS)
async def test_a_client_that_does_not_read_is_cut(shown):
    async def script(peer):
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 30_000_000)
        await peer.closed()

    async with ready(shown, script, top=limits(send_timeout_seconds=0.2)) as (_, gw, peer):
        peer.reader._transport.pause_reading()
        await peer.send(GET)
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize(("updates", "whole"), [(100, True), (2000, False)])
async def test_who_makes_tls_talk_and_does_not_listen_is_cut(shown, tmp_path, updates, whole):
    """A KeyUpdate that asks for one in return costs 27 bytes, and 27 bytes wait here until the client takes them."""

    async def script(peer):
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 30000000\r\n\r\n" + b"x" * 30_000_000)
        await peer.closed()

    context = trusting(keylog_filename=str(tmp_path / "keys"))
    async with serving(script) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands(context=context)
        peer.reader._transport.pause_reading()
        await peer.send(GET)
        await eventually(lambda: any(each.write_paused for each in gw.server.server_state.swept))
        await peer.raw(KeyUpdates(tmp_path / "keys", sent=1).records(updates))
        if whole:
            peer.reader._transport.resume_reading()
            taken = 0
            while taken < 30_000_000:
                peer.data = b""
                taken += (await peer.read(until=b"x")).count(b"x")
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "200" if whole else "499"): 1}


@applies(*EDGE)
async def test_answers_of_tls_that_are_taken_have_no_bound(shown, tmp_path):
    context = trusting(keylog_filename=str(tmp_path / "keys"))
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as peer:
        await peer.shake_hands(context=context)
        await peer.send(GET)
        await peer.read(until=b"ok")
        await peer.raw(KeyUpdates(tmp_path / "keys", sent=1).records(2000) + b"\x17\x03\x03\x00\x14" + b"x" * 20)
        with pytest.raises(ssl.SSLError, match=r"BAD_RECORD_MAC"):  # it has read them all
            await peer.read()


@applies(*BOTH_LOOPS)
async def test_a_client_that_leaves_ends_what_is_done_for_it(shown):
    async def script(peer):
        await peer.request()
        await peer.closed()
        ended.set()

    ended = asyncio.Event()
    async with ready(shown, script) as (old, gw, peer):
        await peer.send(GET)
        await eventually(lambda: old.requests)
        peer.writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 5)
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


# -- draining


@applies(*BOTH_LOOPS)
async def test_a_drain_lets_a_handshake_finish_and_answers_one_request(shown):
    async with (
        serving(answer_all) as old,
        gateway(one(old), tls=shown) as gw,
        dialed(gw.port) as begun,
        dialed(gw.port) as silent,
    ):
        hello = begun.begin()
        await begun.raw(hello[:9])
        await eventually(lambda: len(gw.server.server_state.swept) == 2)
        await eventually(lambda: any(each._begun for each in gw.server.server_state.swept))
        gw.server.announce_drain()
        drain = asyncio.ensure_future(gw.server.drain(20))
        assert await silent.reader.read() == b""
        await begun.raw(hello[9:])
        await begun.raw(await begun.last_words())
        await begun.send(GET)
        assert b"connection: close" in await begun.read()
        begun.writer.close()
        assert await drain == 0
        assert len(old.requests) == 1


@applies(*EDGE)
async def test_a_drain_does_not_wait_long_for_a_request_that_does_not_come(shown):
    async with serving(answer_all) as old, gateway(one(old), tls=shown) as gw, dialed(gw.port) as begun:
        hello = begun.begin()
        await begun.raw(hello[:9])
        await eventually(lambda: any(each._begun for each in gw.server.server_state.swept))
        gw.server.announce_drain()
        drain = asyncio.ensure_future(gw.server.drain(20))
        await eventually(lambda: any(each._closes_soon for each in gw.server.server_state.swept))
        await begun.raw(hello[9:])
        await begun.raw(await begun.last_words())
        assert await asyncio.wait_for(begun.read(), 8) == b""
        begun.writer.close()
        assert await asyncio.wait_for(drain, 8) == 0
        assert old.peers == []


# -- names


@pytest.fixture
def several(tmp_path):
    """What a worker shows that has three certificates."""
    for name, names in (
        ("first", ["first.example"]),
        ("shop", ["shop.example", "*.shop.example"]),
        ("api", ["api.shop.example"]),
    ):
        issue(tmp_path, name, *names)
    held = Certificates(tmp_path, lambda _: None)
    files = [{"certificate_file": f"{name}.pem", "key_file": f"{name}.key"} for name in ("first", "shop", "api")]
    held.apply(Tls(certificates=files))
    return held.context()


@applies(*EDGE)
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("shop.example", {"shop.example", "*.shop.example"}), ("www.SHOP.example", {"shop.example", "*.shop.example"}),
        ("api.shop.example", {"api.shop.example"}), ("first.example", {"first.example"}),
        ("a.b.shop.example", {"first.example"}), ("nobody.example", {"first.example"}), (None, {"first.example"}),
    ],
)  # fmt: skip
async def test_the_certificate_is_the_one_for_the_name(several, asked, names):
    context = trusting(check_hostname=False)
    async with serving(answer_all) as old, gateway(one(old), tls=several) as gw, dialed(gw.port) as peer:
        await peer.shake_hands(asked, context)
        assert {value for kind, value in peer.tls.getpeercert()["subjectAltName"] if kind == "DNS"} == names
        await peer.send(LAST)
        assert (await peer.read()).startswith(b"HTTP/1.1 200 OK")


@applies(*EDGE)
async def test_a_client_that_asks_for_another_name_ends_the_handshake_itself(several):
    async with serving(answer_all) as old, gateway(one(old), tls=several) as gw, dialed(gw.port) as peer:
        with pytest.raises(ssl.SSLCertVerificationError):
            await peer.shake_hands("nobody.example")
        await eventually(lambda: gw.connections_refused == {"tls": 1})
        assert old.peers == []


@applies(*EDGE)
async def test_a_name_that_is_none_is_no_noise(several, monkeypatch):
    """OpenSSL hands over whatever bytes a client sends for a name."""
    monkeypatch.setattr(sys, "unraisablehook", without_bad_names(sys.unraisablehook))
    async with serving(answer_all) as old, gateway(one(old), tls=several) as gw, dialed(gw.port) as peer:
        await peer.raw(peer.begin("xyz.example").replace(b"xyz", b"\xff\xfe\xfd"))
        await peer.reader.read()
        assert gw.connections_refused == {"tls": 1}
        assert old.peers == []


@applies(*EDGE)
async def test_an_answer_that_is_cut_is_not_taken_for_a_reply(shown):
    async with serving(answering(BROKEN)) as old, gateway(one(old), tls=shown) as gw, gw.client(**CLIENT) as client:
        with pytest.raises(BrokenReplyError):
            await client.get()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}
