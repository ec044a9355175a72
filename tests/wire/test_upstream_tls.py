"""TLS to upstreams: verified, named, failing as TLS; and HTTP/2 through httpx, where the upstream offers it."""

import asyncio
import ssl

import h2.config
import h2.connection
import h2.events
import pytest

from gateway.config.schema import UpstreamTls
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.tls import tls_of
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

# An authority of these tests alone and its certificate for localhost and 127.0.0.1, valid from 2020 to 2120.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBeDCCAR6gAwIBAgIUNciQXCDDfXNRGEBDIlbHBkOEquAwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
MDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEY/7eGgQW+eCU+faJQ9EHvPymOSq25cl5z8fCLlOO
GiFFyAib//U9o7Q9VHs0j5vYitbe+k2ycbkBq98Vt9pY7aNCMEAwDwYDVR0TAQH/
BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwHQYDVR0OBBYEFKUuPq+QU7gMWemhbKuB
UdAOEGhhMAoGCCqGSM49BAMCA0gAMEUCIQCqXMbfs6kYJg56SsNE9e1Dgl1MX5sn
uKH+a+1WEdxc6QIgceOYRdQGj9xK2rc11EQt5BEZ1Qg0X/o3Rdthu0wg2CE=
-----END CERTIFICATE-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBvzCCAWSgAwIBAgIUFPkLfTyddjfqhMNghJ/APqK45FwwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjAwMTAxMDAwMDAwWhgPMjEy
MDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMMCWxvY2FsaG9zdDBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABB+vbCZuzZwy44W6Vk/ayloGSj1to7DnSb1/Xk3ciinS7hF9
tHVWsK0OSKwWevMaCSx9nrhJMwo5/62bfGQ54tujgYwwgYkwGgYDVR0RBBMwEYIJ
bG9jYWxob3N0hwR/AAABMAkGA1UdEwQCMAAwCwYDVR0PBAQDAgeAMBMGA1UdJQQM
MAoGCCsGAQUFBwMBMB0GA1UdDgQWBBT6chc64mB1715ldrcaBDRG5VLTtTAfBgNV
HSMEGDAWgBSlLj6vkFO4DFnpoWyrgVHQDhBoYTAKBggqhkjOPQQDAgNJADBGAiEA
kuGDYGltzxBoo3gkER6Z+8Goe1rUPMvwj/GnyUiv6dYCIQDyVwL7WUOZEJOVbCIH
BF903gvguOkzjidEuLa1DHdXNw==
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDQyBTrXFWcDCRYo0
c96m/qvuO7JztyVy+uP9+yVyCqihRANCAAQfr2wmbs2cMuOFulZP2spaBko9baOw
50m9f15N3Iop0u4RfbR1VrCtDkisFnrzGgksfZ64STMKOf+tm3xkOeLb
-----END PRIVATE KEY-----
"""


@pytest.fixture
def server_side(tmp_path):
    path = tmp_path / "server.pem"
    path.write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def trusting(tmp_path):
    path = tmp_path / "authority.pem"
    path.write_text(AUTHORITY)
    return tls_of(UpstreamTls(ca_file=str(path)))


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


async def speak_http2(peer):
    """Echoes the body of each request; enough of a server for one connection."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    await peer.send(connection.data_to_send())
    bodies = {}
    while data := await peer.reader.read(65_536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                peer.requests.append(dict(event.headers))
                bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                answer_http2(connection, event.stream_id, bodies)
        await peer.send(connection.data_to_send())


def answer_http2(connection, stream, bodies):
    if bodies[stream] == b"reset":
        connection.reset_stream(stream)
        return
    connection.send_headers(stream, [(":status", "200"), ("content-length", str(len(bodies[stream]))), ("x-a", "b")])
    connection.send_data(stream, bodies[stream], end_stream=True)


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
