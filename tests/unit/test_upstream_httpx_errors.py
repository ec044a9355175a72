import asyncio
import socket
import ssl

import httpx
import pytest
import respx

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import OutboundRequest
from gateway.upstream.httpx_client import HttpxClient
from gateway.upstream.httpx_errors import kind_of

KIND = UpstreamErrorKind


def request(**rest):
    return OutboundRequest(b"GET", b"/", [(b"host", b"a")], **rest)


def send(mocked, *, targets=("http://a",), outbound=None):
    """Through a client whose transports are respx's; returns status and body."""

    async def run():
        client = HttpxClient(targets)
        with respx.mock(assert_all_called=False) as router:
            for target in targets:
                router.get(f"{target}/").mock(**mocked.get(target, mocked))
            response = await client.send(outbound or request())
            body = b""
            while piece := await response.read():
                body += piece
            await response.aclose()
        assert client.in_flight == 0
        await client.aclose()
        return response.status, body

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("raised", "kind", "sent"),
    [
        (httpx.ConnectTimeout("x"), KIND.CONNECT_TIMEOUT, False),
        (httpx.PoolTimeout("x"), KIND.POOL_TIMEOUT, False),
        (httpx.ConnectError("x"), KIND.REFUSED, False),
        (httpx.UnsupportedProtocol("x"), KIND.REFUSED, False),
        (httpx.ReadTimeout("x"), KIND.FIRST_BYTE_TIMEOUT, True),
        (httpx.WriteTimeout("x"), KIND.IDLE_TIMEOUT, True),
        (httpx.ReadError("x"), KIND.CLOSED, True),
        (httpx.WriteError("x"), KIND.CLOSED, True),
        (httpx.CloseError("x"), KIND.CLOSED, True),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), KIND.CLOSED, True),
        (httpx.RemoteProtocolError("<StreamReset stream_id:1, error_code:7>"), KIND.CLOSED, True),
        (httpx.RemoteProtocolError("<ConnectionTerminated error_code:0>"), KIND.CLOSED, True),
        (httpx.RemoteProtocolError("illegal status line"), KIND.MALFORMED, True),
    ],
)
def test_each_exception_of_a_transport_has_its_kind(raised, kind, sent):
    with pytest.raises(UpstreamError) as caught:
        send({"side_effect": raised})
    assert (caught.value.kind, caught.value.sent, caught.value.reused) == (kind, sent, False)
    assert "x" not in caught.value.detail.split()


def test_a_request_that_httpx_refuses_is_the_callers_fault():
    with pytest.raises(ValueError, match="refuses"):
        send({"side_effect": httpx.LocalProtocolError("x")})


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (socket.gaierror(-2, "unknown"), KIND.NAME),
        (ssl.SSLCertVerificationError("bad"), KIND.TLS),
        (ConnectionRefusedError(), KIND.REFUSED),
    ],
)
def test_what_caused_a_failure_to_connect_is_looked_at(cause, kind):
    middle = OSError("all attempts failed")
    middle.__context__ = cause
    error = httpx.ConnectError("x")
    error.__cause__ = middle
    assert kind_of(error, in_body=False) is kind


def test_a_failure_inside_a_handshake_is_one_of_tls():
    assert kind_of(httpx.ConnectError("x"), in_body=False, in_handshake=True) is KIND.TLS


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ReadTimeout("x"), KIND.IDLE_TIMEOUT),
        (httpx.ReadError("x"), KIND.TRUNCATED),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), KIND.TRUNCATED),
        (httpx.RemoteProtocolError("illegal chunk header"), KIND.MALFORMED),
    ],
)
def test_inside_a_body_the_kinds_are_those_of_a_body(raised, kind):
    assert kind_of(raised, in_body=True) is kind


def test_only_failures_to_connect_are_tried_on_another_target():
    ok = {"return_value": httpx.Response(200, stream=httpx.ByteStream(b"ok"))}
    both = ("http://a", "http://b")
    for raised in [httpx.ConnectError("x"), httpx.ConnectTimeout("x")] * 10:  # whichever target is drawn
        assert send({"http://a": ok, "http://b": {"side_effect": raised}}, targets=both) == (200, b"ok")

    def send_often():
        for _ in range(60):
            send({"http://a": ok, "http://b": {"side_effect": httpx.ReadError("x")}}, targets=both)

    with pytest.raises(UpstreamError):
        send_often()


class Recording(httpx.AsyncBaseTransport):
    def __init__(self):
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        return httpx.Response(200, headers=[("Set-Cookie", "session=1")], stream=httpx.ByteStream(b""))


def test_any_transport_will_do_and_no_cookie_of_one_request_goes_out_on_the_next():
    async def run():
        transport = Recording()
        client = HttpxClient(["http://a"], make_transport=lambda: transport)
        admitted = []
        for _ in range(2):
            response = await client.send(request(admit=lambda: admitted.append(1)))
            assert await response.read() == b""
            await response.aclose()
        assert len(admitted) == 2
        for seen in transport.requests:
            assert seen.headers.raw == [(b"host", b"a")]
        await client.aclose()

    asyncio.run(run())
