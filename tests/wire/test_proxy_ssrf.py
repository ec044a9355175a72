"""Nothing that a client or an upstream says makes the gateway connect to where routes.yaml does not (OWASP API7)."""

import pytest

from tests.support.proxy_harness import OUR_EDGE, gateway, one
from tests.support.scripted_upstream import answer_all, applies, serving

CLIENTS = ["http1", "httpx"]


@applies(*OUR_EDGE)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("target", "lines"),
    [
        ("/", ["host: {trap}"]),
        ("http://{trap}/", ["host: {trap}"]),
        ("/", ["host: test", "x-forwarded-host: {trap}", "forwarded: host={trap}", "x-original-host: {trap}"]),
        ("//{trap}/", ["host: test"]),
        ("/@{trap}/", ["host: test"]),
        ("/", ["host: test", "x-original-url: http://{trap}/", "proxy: http://{trap}"]),
    ],
)
async def test_no_request_chooses_an_upstream(server, client, target, lines):
    async with serving(answer_all) as trap, serving(answer_all) as old:
        where = f"127.0.0.1:{trap.port}"
        async with gateway(one(old, options=f"client: {client}"), server) as gw, gw.client() as sender:
            said = [line.format(trap=where) for line in lines]
            assert (await sender.get(target.format(trap=where), *said)).status == 200
            assert len(old.requests) == 1
            assert trap.requests == []


@applies(*OUR_EDGE)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("status", [301, 302, 303, 305, 307, 308])
async def test_no_reply_sends_the_gateway_elsewhere(server, client, status):
    async def script(peer):
        while await peer.request():
            await peer.send(
                b"HTTP/1.1 %d X\r\nlocation: %b/x\r\ncontent-length: 0\r\n\r\n" % (status, trap.url.encode())
            )

    async with (
        serving(answer_all) as trap,
        serving(script) as old,
        gateway(one(old, options=f"client: {client}"), server) as gw,
        gw.client() as sender,
    ):
        reply = await sender.get()
        assert (reply.status, reply[b"location"]) == (status, trap.url.encode() + b"/x")
        assert trap.requests == []


@applies(*OUR_EDGE)
@pytest.mark.parametrize("client", CLIENTS)
async def test_no_proxy_of_the_environment_is_asked(server, client, monkeypatch):
    async with serving(answer_all) as trap, serving(answer_all) as old:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, trap.url)
        monkeypatch.delenv("no_proxy", raising=False)
        async with gateway(one(old, options=f"client: {client}"), server) as gw, gw.client() as sender:
            assert (await sender.get()).status == 200
            assert trap.requests == []
