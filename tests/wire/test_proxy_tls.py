"""TLS to upstreams as routes.yaml says it: requests, WebSockets and health checks by one context; words for clients."""

import asyncio
import json
from functools import partial

import pytest

from tests.support.authority import EXPIRED, Authority, name_shown
from tests.support.gateway_process import gateway_process, get
from tests.support.http2_upstream import speak_http2
from tests.support.proxy_harness import OUR_EDGE, gateway
from tests.support.scripted_upstream import LOOPS, answer_all, applies, eventually, serving
from tests.support.websocket_peer import echo, upgrade

FILE = """
version: 1
{top}
upstreams:
  old: {{url: "https://localhost:{port}", {options}}}
routes:
  - {{path: "/*", upstream: old}}
"""
CLIENTS = ["client: http1", "client: httpx", "http2: true"]


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def own(ours, tmp_path):
    """The settings of a gateway that shows a certificate, and the authority of such certificates."""
    clients = Authority(tmp_path, "clients")
    certificate, key = clients.issue("gateway.internal", common_name="the gateway")
    return f"tls: {{ca_file: {ours.file}, certificate_file: {certificate}, key_file: {key}}}", clients


def routes(upstream, *options, top=""):
    return FILE.format(port=upstream.port, options=", ".join(options), top=top)


@applies(*OUR_EDGE)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("localhost", "The upstream's certificate has expired."),
        ("secret.internal", "The upstream's certificate is for another name."),
    ],
)
async def test_a_client_reads_why_and_nothing_of_what_lies_behind(server, ours, client, name, words):
    shown = ours.server(name, **(EXPIRED if name == "localhost" else {}))
    async with serving(answer_all, ssl=shown) as old:
        async with gateway(routes(old, client, f"tls: {{ca_file: {ours.file}}}"), server) as gw, gw.client() as user:
            reply = await user.get()
            assert (reply.status, reply[b"content-type"]) == (502, b"application/problem+json")
            told = json.loads(reply.body)
            assert (told["title"], told["detail"]) == ("Upstream unreachable", words)
            for secret in (b"localhost", b"internal", str(old.port).encode(), b".pem", b"_ssl"):
                assert secret not in reply.body
            assert [line["error"] for line in gw.logged.events] == [words]
            assert gw.upstream_errors == {("old", "tls"): 1}
            assert gw.attempts == {("fixed", "refused"): 1}
        assert old.requests == []


@applies(*OUR_EDGE)
@pytest.mark.parametrize("client", CLIENTS)
async def test_requests_health_checks_and_websockets_show_the_same_certificate(server, ours, own, client):
    settings, clients = own

    async def script(peer):
        shown.append(name_shown(peer))
        await (echo if len(shown) == 3 else answer_all)(peer)

    shown = []
    health = "health: {path: /well, interval_seconds: 60, timeout_seconds: 5}"
    async with (
        serving(script, ssl=ours.server("localhost", asks=clients)) as old,
        gateway(routes(old, client, settings, health), server) as gw,
        gw.client() as user,
        gw.client() as talker,
    ):
        await eventually(lambda: len(old.requests) == 1)
        assert (await user.get()).status == 200
        socket = await upgrade(talker)
        await socket.text("hello")
        assert (await socket.message()) == b"hello"
        assert [name.split()[0] for name in (request.line for request in old.requests)] == [b"GET"] * 3
        assert shown == ["the gateway"] * 3
        assert gw.clients["old"].problems() == (None,)
        await socket.close(1000)
        await socket.expect_close(1000)


@applies(*OUR_EDGE)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_websocket_believes_nobody_whom_a_request_would_not(server, ours, client):
    async with serving(echo, ssl=ours.server("other.internal")) as old:
        async with gateway(routes(old, client, f"tls: {{ca_file: {ours.file}}}"), server) as gw, gw.client() as user:
            reply = await user.ask("GET", "/", *HANDSHAKE)
            assert reply.status == 502
            assert json.loads(reply.body)["detail"] == "The upstream's certificate is for another name."
            assert gw.attempts == {("fixed", "refused"): 1}
        assert old.requests == []


HANDSHAKE = (
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)


@applies(*OUR_EDGE)
async def test_a_health_check_says_what_is_wrong_with_a_certificate(server, ours):
    health = "health: {path: /well, interval_seconds: 0.01, unhealthy_after: 1}"
    settings = f"tls: {{ca_file: {ours.file}}}"
    async with (
        serving(answer_all, ssl=ours.server("localhost", **EXPIRED)) as old,
        gateway(routes(old, health, settings), server) as gw,
        gw.client() as user,
    ):
        await eventually(lambda: gw.clients["old"].is_down)
        assert gw.clients["old"].problems() == ("The upstream's certificate has expired.",)
        assert (await user.get()).status == 503


# -- a whole gateway


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS[:1])
async def test_a_renewed_certificate_is_shown_without_an_edit_and_half_a_renewal_changes_nothing(ours, tmp_path):
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    (directory := tmp_path / "gateway").mkdir()
    certificate, key = directory / "client.pem", directory / "client.key"
    install(first.issue("a", common_name="first"), certificate, key)
    both = tmp_path / "both.pem"
    both.write_bytes(first.file.read_bytes() + second.file.read_bytes())
    first.file.write_bytes(both.read_bytes())

    async def script(peer):
        shown.append(name_shown(peer))
        await answer_all(peer)

    shown = []
    async with serving(script, ssl=ours.server("localhost", asks=first)) as old:
        settings = f"tls: {{ca_file: {ours.file}, certificate_file: client.pem, key_file: client.key}}"
        text = routes(old, "max_idle_connections: 0", settings, top="drain_delay_seconds: 0")
        async with Running(tmp_path, text) as gw:
            assert (await gw.get()).status == 200
            new = second.issue("b", common_name="second")
            certificate.write_bytes(new[0].read_bytes())
            line = await asyncio.to_thread(gw.process.until_logged, "what was read before stays in force")
            assert "client.key is not that of the certificate of" in line[0]["problem"]
            assert (await gw.get()).status == 200
            await gw.until_screen(lambda text: text.count("client.key is not that") == 2)  # control's word, and w0's
            key.write_bytes(new[1].read_bytes())
            await asyncio.to_thread(gw.process.until_logged, "certificate files in force")
            assert (await gw.get()).status == 200
            assert shown == ["first", "first", "second"]
            await gw.until_screen(lambda text: "client.key" not in text and "NOT IN FORCE" not in text)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS[:1])
async def test_http2_to_an_upstream_and_no_verification_as_status_shows_it(ours, tmp_path):
    async with serving(speak_http2, ssl=ours.server("other.internal", alpn=["h2"])) as old:
        text = routes(old, "http2: true", "tls: {insecure_skip_verify: true}", top="drain_delay_seconds: 0")
        async with Running(tmp_path, text) as gw:
            ask = partial(gw.get, path="/a%20b?c=1", method="POST", body=b"hello", headers={"x-c": "d"})
            replies = await asyncio.gather(*[ask() for _ in range(20)])
            assert {(reply.status, reply.body, reply.headers["x-a"]) for reply in replies} == {(200, b"hello", "b")}
            assert len(old.peers) == 1  # their streams
            seen = old.requests[0]
            assert (seen[b":method"], seen[b":path"], seen[b"x-c"]) == (b"POST", b"/a%20b?c=1", b"d")
            assert seen[b":authority"] == f"127.0.0.1:{gw.process.port}".encode()
            shown = await gw.screen()
            assert "NOT VERIFIED (insecure_skip_verify)" in shown
            assert "NOBODY IS VERIFIED" in shown
            (line,) = gw.process.lines("routes.yaml")
            assert (line["level"], "NOBODY IS VERIFIED" in line["fault"]) == ("warning", True)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS[:1])
async def test_an_edit_with_bad_files_is_refused_and_a_start_with_them_serves_the_rest(ours, tmp_path):
    """With the files gone, a gateway starts by the accepted copy; it heals when they are back."""
    async with serving(answer_all, ssl=ours.server("localhost")) as old, serving(answer_all) as plain:
        text = routes(old, f"tls: {{ca_file: {ours.file}}}", top="drain_delay_seconds: 0").replace(
            "routes:\n", f'  plain: {{url: "{plain.url}"}}\nroutes:\n  - {{path: "/plain", upstream: plain}}\n'
        )
        missing = tmp_path / "nowhere.pem"
        edited = text.replace("authority.pem", missing.name)
        async with Running(tmp_path, text) as gw:
            gw.process.routes_file.write_text(edited)
            (line,) = await asyncio.to_thread(gw.process.until_logged, "routes.yaml refused")
            assert "upstreams.old.tls.ca_file" in line["fault"]
            assert "nowhere.pem cannot be read: No such file or directory" in line["fault"]
            assert (await gw.get()).status == 200
            missing.write_bytes(ours.file.read_bytes())  # no other edit is needed
            await asyncio.to_thread(gw.process.until_logged, "routes.yaml accepted")
            await asyncio.to_thread(gw.process.until_logged, "routes.yaml in force")
            assert (await gw.get()).status == 200
        missing.unlink()
        async with Running(tmp_path, edited) as gw:
            assert (await gw.get(path="/plain")).status == 200
            refused = await gw.get()
            assert (refused.status, "its own certificate files" in refused.json()["detail"]) == (502, True)
            assert b".pem" not in refused.body
            missing.write_bytes(ours.file.read_bytes())
            await asyncio.to_thread(gw.process.until_logged, "certificate files in force")
            assert (await gw.get()).status == 200


class Running:
    """A gateway beside this loop, with one worker."""

    def __init__(self, directory, text):
        self._made = gateway_process(directory / "gateway", text, workers=1)
        self.process = None

    async def __aenter__(self):
        self.process = await asyncio.to_thread(self._made.__enter__)
        return self

    async def __aexit__(self, *error):
        await asyncio.to_thread(self._made.__exit__, *error)

    async def get(self, *, path="/", **more):
        return await asyncio.to_thread(get, self.process.port, path, **more)

    async def until_screen(self, condition):
        async with asyncio.timeout(20):
            while not condition(await self.screen()):
                pass

    async def screen(self):
        """What `gateway status` prints."""
        done = await asyncio.to_thread(self.process.command, "status", env={"COLUMNS": "300"})
        assert done.returncode == 0, done.stderr
        return done.stdout


def install(issued, certificate, key):
    for source, place in zip(issued, (certificate, key), strict=True):
        place.write_bytes(source.read_bytes())
