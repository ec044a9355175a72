"""TLS to upstreams: verified, named, failing as TLS; and HTTP/2 through httpx, where the upstream offers it."""

import asyncio
import ssl

import pytest

from gateway.config.schema import Upstream, UpstreamTls
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.tls import UNUSABLE, load_all, tls_of
from tests.support.authority import EXPIRED, NOT_YET, Authority, name_shown, outspoken
from tests.support.http2_upstream import speak_http2
from tests.support.scripted_upstream import (
    BOTH,
    LOOPS,
    answer_all,
    applies,
    connected,
    fetch,
    read_all,
    request,
    serving,
)


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def server_side(ours):
    return ours.server("localhost", "127.0.0.1")


@pytest.fixture
def trusting(ours):
    return tls(ca_file=ours.file)


def tls(**settings):
    """As the section of a routes.yaml makes it."""
    words = {key: value if isinstance(value, bool) else str(value) for key, value in settings.items()}
    return tls_of(UpstreamTls(**words))


def local(upstream):
    return upstream.url.replace("127.0.0.1", "localhost")


@applies(*BOTH)
async def test_requests_and_bodies_go_through_tls_and_connections_are_kept(kind, server_side, trusting):
    async def body():
        for _ in range(64):
            yield b"x" * 16_384

    seen = []
    server_side.sni_callback = lambda _socket, name, _context: seen.append(name)
    async with (
        serving(answer_all, ssl=server_side) as upstream,
        connected(kind, local(upstream), tls=trusting) as client,
    ):
        assert await fetch(client) == (200, b"ok")
        assert await fetch(client, request(b"POST", body=body())) == (200, b"ok")
        assert len(upstream.requests[1].body) == 64 * 16_384
        assert (len(upstream.peers), client.idle) == (1, 1)
        assert seen == ["localhost"]


@applies(*BOTH)
async def test_a_certificate_of_an_unknown_authority_is_refused(kind, server_side):
    async with serving(answer_all, ssl=server_side) as upstream, connected(kind, local(upstream)) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert (caught.value.kind, caught.value.sent) == (UpstreamErrorKind.TLS, False)
        assert upstream.requests == []


@applies(*BOTH)
async def test_a_certificate_of_another_name_is_refused(kind, server_side, trusting):
    async with serving(answer_all, ssl=server_side) as upstream:
        server = await asyncio.start_server(upstream.connected, "127.0.0.2", 0, ssl=server_side)
        other = f"https://127.0.0.2:{server.sockets[0].getsockname()[1]}"
        async with server, connected(kind, other, tls=trusting) as client:
            with pytest.raises(UpstreamError) as caught:
                await client.send(request())
            assert caught.value.kind is UpstreamErrorKind.TLS


@applies(*BOTH)
@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad\r\n\r\n", b"", None])
async def test_an_upstream_that_does_not_speak_tls(kind, answer):
    async def script(peer):
        await peer.reader.read(1)
        if answer is None:
            peer.reset()
        else:
            await peer.send(answer)

    async with serving(script) as upstream, connected(kind, upstream.url.replace("http:", "https:")) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert (caught.value.kind, caught.value.sent) == (UpstreamErrorKind.TLS, False)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_httpx_speaks_http2_where_it_is_offered(server_side, trusting):
    async def body():
        yield b"he"
        yield b"llo"

    server_side.set_alpn_protocols(["h2"])
    async with (
        serving(speak_http2, ssl=server_side) as upstream,
        connected("httpx", local(upstream), tls=trusting) as client,
    ):
        response = await client.send(request(b"POST", b"/a?b=%20c", [(b"x-c", b"d")], body=body()))
        assert (response.status, response.headers) == (200, [(b"x-a", b"b")])
        assert response.content_length == 5
        assert await read_all(response) == b"hello"
        results = await asyncio.gather(*[fetch(client, request(b"PUT", body=b"%d" % n)) for n in range(20)])
        assert results == [(200, b"%d" % n) for n in range(20)]
        with pytest.raises(UpstreamError) as caught:
            await client.send(request(b"PUT", body=b"reset"))
        assert (caught.value.kind, caught.value.reused) == (UpstreamErrorKind.CLOSED, True)
        assert await fetch(client, request(b"PUT", body=b"x")) == (200, b"x")
        assert len(upstream.peers) == 1
        seen = upstream.requests[0]
        assert (seen[b":path"], seen[b":authority"], seen[b"x-c"]) == (b"/a?b=%20c", b"test", b"d")


@applies(*BOTH)
@pytest.mark.parametrize(
    ("names", "more", "words"),
    [
        (["localhost"], EXPIRED, "The upstream's certificate has expired."),
        (["localhost"], NOT_YET, "The upstream's certificate is not valid yet."),
        (["other.example"], {}, "The upstream's certificate is for another name."),
        (["127.0.0.1"], {}, "The upstream's certificate is for another name."),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_told(kind, ours, names, more, words):
    server, trusting = ours.server(*names, **more), tls(ca_file=ours.file)
    async with serving(answer_all, ssl=server) as upstream, connected(kind, local(upstream), tls=trusting) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert (caught.value.kind, caught.value.detail, caught.value.sent) == (UpstreamErrorKind.TLS, words, False)
        assert client.problems() == (words,)
        assert upstream.requests == []


@applies(*BOTH)
async def test_an_authority_that_the_section_does_not_name_is_not_trusted(kind, ours, tmp_path):
    other = Authority(tmp_path, "other")
    async with (
        serving(answer_all, ssl=other.server("localhost")) as upstream,
        connected(kind, local(upstream), tls=tls(ca_file=ours.file)) as client,
    ):
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert caught.value.detail == "The upstream's certificate is of an authority that is not trusted."


@applies(*BOTH)
async def test_a_server_name_is_asked_for_and_verified_and_the_host_stays_the_clients(kind, ours):
    seen = []
    server = ours.server("api.internal")
    server.sni_callback = lambda _socket, name, _context: seen.append(name)
    named = tls(ca_file=ours.file, server_name="api.internal")
    async with serving(answer_all, ssl=server) as upstream, connected(kind, upstream.url, tls=named) as client:
        assert await fetch(client) == (200, b"ok")
        assert seen == ["api.internal"]
        assert (b"host", b"test") in [(name.lower(), value) for name, value in upstream.requests[0].fields]
    wrong = tls(ca_file=ours.file, server_name="other.internal")
    async with serving(answer_all, ssl=server) as upstream, connected(kind, upstream.url, tls=wrong) as client:
        with pytest.raises(UpstreamError, match="another name"):
            await client.send(request())


@applies(*BOTH)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_upstream_that_asks_for_a_certificate_gets_the_gateways(kind, ours, tmp_path, newest):
    clients = Authority(tmp_path, "clients")
    server = ours.server("localhost", asks=clients, newest=newest)
    certificate, key = clients.issue("gateway.internal", common_name="the gateway")
    own = tls(ca_file=ours.file, certificate_file=certificate, key_file=key)
    async with serving(answer_all, ssl=server) as upstream, connected(kind, local(upstream), tls=own) as client:
        assert await fetch(client) == (200, b"ok")
        assert name_shown(upstream.peers[0]) == "the gateway"


@applies(*BOTH)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("shown", ["none", "a stranger's", "an expired one"])
async def test_an_upstream_that_refuses_the_gateways_certificate_is_told_so(kind, ours, tmp_path, newest, shown):
    clients = Authority(tmp_path, "clients")
    server = ours.server("localhost", asks=clients, newest=newest)
    own = {}
    if shown != "none":
        issuer, more = (clients, EXPIRED) if shown == "an expired one" else (ours, {})
        own["certificate_file"], own["key_file"] = issuer.issue("gateway.internal", **more)
    with outspoken(server) as url:
        async with connected(kind, url, tls=tls(ca_file=ours.file, **own)) as client:
            with pytest.raises(UpstreamError) as caught:
                await client.send(request())
    assert caught.value.kind is UpstreamErrorKind.TLS
    if shown == "none" and newest is ssl.TLSVersion.TLSv1_2:  # it has no alert of its own for that
        assert "may want a certificate of the gateway's" in caught.value.detail
    else:
        assert caught.value.detail == "The upstream does not accept the gateway's certificate, or the lack of one."
    assert caught.value.sent is (newest is ssl.TLSVersion.TLSv1_3)  # there it comes after the handshake


@applies(*BOTH)
async def test_no_older_version_than_the_least_is_spoken(kind, ours):
    server = ours.server("localhost", newest=ssl.TLSVersion.TLSv1_2)
    strict = tls(ca_file=ours.file, minimum_version="TLSv1.3")
    with outspoken(server) as url:
        async with connected(kind, url, tls=strict) as client:
            with pytest.raises(UpstreamError, match="no version of TLS that is allowed"):
                await client.send(request())
    async with (
        serving(answer_all, ssl=server) as upstream,
        connected(kind, local(upstream), tls=tls(ca_file=ours.file)) as client,
    ):
        assert await fetch(client) == (200, b"ok")


@applies(*BOTH)
@pytest.mark.parametrize("more", [{}, EXPIRED])
async def test_without_verification_anybody_is_believed(kind, ours, more):
    server = ours.server("other.example", **more)
    anybody = tls(insecure_skip_verify=True)
    async with serving(answer_all, ssl=server) as upstream, connected(kind, local(upstream), tls=anybody) as client:
        assert await fetch(client) == (200, b"ok")


@applies(*BOTH)
async def test_plain_http_where_tls_is_expected_is_told(kind, trusting):
    async def script(peer):
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad\r\n\r\n")

    async with serving(script) as upstream:
        url = local(upstream).replace("http:", "https:")
        async with connected(kind, url, tls=trusting) as client:
            with pytest.raises(UpstreamError, match="does not speak TLS"):
                await client.send(request())


@applies(*BOTH)
async def test_a_target_whose_certificate_has_expired_is_passed_over(kind, ours, trusting):
    async with (
        serving(answer_all, ssl=ours.server("localhost", **EXPIRED)) as bad,
        serving(answer_all, ssl=ours.server("localhost")) as good,
        connected(kind, local(bad), local(good), tls=trusting) as client,
    ):
        for _ in range(20):
            assert await fetch(client) == (200, b"ok")
        assert (len(bad.requests), len(good.requests)) == (0, 20)
        assert client.states()[0] == "ejected"
        assert client.problems() == ("The upstream's certificate has expired.", None)


@applies(*BOTH)
async def test_files_that_cannot_be_used_send_nothing_and_tell_nobody_which(kind, ours, tmp_path):
    spec = Upstream(url="https://localhost:1", tls=UpstreamTls(ca_file=str(tmp_path / "secret-place.pem")))
    loaded = load_all({"new": spec}, {})
    assert "secret-place.pem cannot be read: No such file or directory" in loaded.problems["new"]
    async with (
        serving(answer_all, ssl=ours.server("localhost")) as upstream,
        connected(kind, local(upstream), tls=loaded.tls["new"]) as client,
    ):
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert (caught.value.kind, caught.value.detail) == (UpstreamErrorKind.TLS, UNUSABLE)
        assert upstream.peers == []
