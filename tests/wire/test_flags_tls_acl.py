"""Flags over `rediss://` by a user with least rights: the line of the operating guide, as it stands there, applied."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest
import typer
from redis import Redis

from gateway.cli.serve import serve
from gateway.flags.client import client_for
from gateway.flags.errors import STORE_ERRORS, in_words
from gateway.flags.stored import FlagStoreError
from gateway.flags.writer import FlagWriter
from gateway.model import BasisPoints
from tests.support.authority import EXPIRED, Authority
from tests.support.flagtools import goodbyes, watching
from tests.support.flagtools import until as until_async
from tests.support.gateway_process import Client, until
from tests.support.tls_forwarder import TlsForwarder
from tests.support.valkey_server import ValkeyServer

OPERATING = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
PASSWORD = "p@ss/word:%"
ENCODED = "p%40ss%2Fword%3A%25"


def documented_rights():
    """The words of the `ACL SETUSER` that operators copy."""
    (line,) = re.findall(r"^ACL SETUSER gateway .*?\n(?=```)", OPERATING, re.MULTILINE | re.DOTALL)
    return [word.replace(">PASSWORD", f">{PASSWORD}") for word in shlex.split(line.replace(">PASSWORD", "'>PASSWORD'"))]


def grant(plain, *, without=()):
    """The documented user, and nobody else."""
    words = documented_rights()
    assert {*without} <= {*words}
    plain.execute_command(*[word for word in words if word not in without])


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def secure(own_valkey: ValkeyServer, ours):
    """TLS before a real server."""
    with TlsForwarder(own_valkey.port, ours.server("localhost")) as forwarder:
        yield forwarder


def url_of(forwarder, *, credentials=f"gateway:{ENCODED}@", database=0):
    return f"rediss://{credentials}localhost:{forwarder.port}/{database}"


def asked(gateway, count=20):
    """How many of so many users are served by new."""
    with Client(gateway.port) as client:
        return sum(client.ask("/auth/x", headers={"x-user": f"u{n}"}).side == "new" for n in range(count))


def test_a_whole_gateway_runs_by_the_documented_rights_through_tls(plain: Redis, secure, ours, launch, make_routes):
    grant(plain)
    plain.execute_command("ACL", "LOG", "RESET")
    gateway = launch("--redis-ca-file", ours.file, redis=url_of(secure), routes=make_routes(percent=0))
    until(lambda: gateway.status()["redis"]["up"], what="Redis up")
    steps = [
        ("percent", {"value": "100"}, 20),
        ("disable", {}, 0),
        ("enable", {}, 20),
        ("deny", {"entries": ["u1", "u2"]}, 18),
        ("deny", {"entries": ["u1"], "remove": True}, 19),
        ("percent", {"value": "0"}, 0),
        ("allow", {"entries": ["u1", "header:x-user=u3"]}, 2),
        ("unset", {}, 2),
    ]
    for action, more, served in steps:
        done = gateway.flag("auth", action, reason="a try", **more)
        assert done.status == 200, done.body
        workers = done.json()["workers"]
        assert (len(workers["confirmed"]), workers["missing"]) == (2, []), done.body
        assert asked(gateway) == served, action
    assert len(gateway.admin("/api/flags/auth/history").json()) == len(steps)
    plain.hset("gateway:flag:auth", "percent", "100")  # by hand: heard at once, by tracking
    until(lambda: asked(gateway, 4) >= 3, what="what was typed by hand")
    assert gateway.flag("auth", "adopt").status == 200
    assert plain.execute_command("ACL", "LOG") == []  # not one refusal, in all of this
    shown = gateway.command("status").stdout
    assert "rediss://***@localhost" in shown
    assert "ss/word" not in shown + gateway.log.read_text()
    assert ENCODED not in shown + gateway.log.read_text()


@pytest.mark.parametrize(
    ("right", "words"),
    [("+xadd", "xadd"), ("+hset", "hset"), ("+watch", "watch"), ("+multi", "MULTI")],
)
def test_a_right_that_a_change_needs_and_is_missing_is_told_in_words(plain: Redis, secure, ours, right, words):
    """Each alone, by the writer that `gateway flag` uses."""

    grant(plain, without=(right,))

    async def change() -> str:
        writer = FlagWriter(url=f"{url_of(secure)}?ssl_ca_certs={ours.file}", namespace="gateway")
        try:
            with pytest.raises(FlagStoreError) as caught:
                await writer.set_percent("auth", BasisPoints(100), who="ann", reason="")
        finally:
            await writer.aclose()
            await goodbyes()
        return str(caught.value)

    told = asyncio.run(change())
    assert "does not permit this user a command that is needed" in told
    assert words in told
    assert PASSWORD not in told
    if right != "+multi":  # without which Redis takes each command of a change for itself
        assert not plain.exists("gateway:flag:auth")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    "right", ["+hgetall", "+smembers", "+client|tracking", "+subscribe", "&__redis__:invalidate", "+info"]
)
async def test_a_right_that_reading_needs_and_is_missing_is_told_in_words(plain: Redis, secure, ours, right):
    grant(plain, without=(right,))
    async with watching(f"{url_of(secure)}?ssl_ca_certs={ours.file}") as watched:
        await until_async(lambda: "does not permit this user" in (watched.watcher.problem or ""))
        assert not watched.watcher.up


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("unknown", "shows a certificate that is not trusted (unable to get local issuer certificate)"),
        ("no own", "shows a certificate that is not trusted"),
        ("name", "shows a certificate that is not trusted (Hostname mismatch"),
        ("expired", "shows a certificate that is not trusted (certificate has expired)"),
        ("gone", "No such file or directory"),
    ],
)
async def test_who_shows_no_good_certificate_gets_no_password(own_valkey, ours, tmp_path, case, words):
    other = Authority(tmp_path, "other")
    trusted = {"unknown": other.file, "gone": tmp_path / "nothing.pem"}.get(case, ours.file)
    query = "" if case == "no own" else f"?ssl_ca_certs={trusted}"
    shown = ours.server("elsewhere" if case == "name" else "localhost", **(EXPIRED if case == "expired" else {}))
    with TlsForwarder(own_valkey.port, shown) as forwarder:
        url = url_of(forwarder) + query
        async with watching(url) as watched:
            await until_async(lambda: words in (watched.watcher.problem or ""), what=watched.watcher.problem or "")
            assert not watched.watcher.up
        client = client_for(url)
        with pytest.raises(STORE_ERRORS) as caught:
            await client.ping()
        assert words in in_words(caught.value)
        await client.aclose()
        assert forwarder.shown == []  # no handshake was completed


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_renewed_authority_and_a_certificate_of_the_gateways(own_valkey, plain: Redis, ours, tmp_path):
    plain.hset("gateway:flag:auth", "percent", 25)
    clients, later = Authority(tmp_path, "clients"), Authority(tmp_path, "later")
    certificate, key = clients.issue("gateway.internal", common_name="the gateway")
    with TlsForwarder(own_valkey.port, ours.server("localhost", asks=clients)) as forwarder:
        query = f"?ssl_ca_certs={ours.file}&ssl_certfile={certificate}&ssl_keyfile={key}"
        async with watching(url_of(forwarder, credentials="") + query) as watched:
            await watched.until_percent(25)
            assert all("the gateway" in str(shown) for shown in forwarder.shown)
            forwarder.use(later.server("localhost", asks=clients))
            await until_async(lambda: "not trusted" in (watched.watcher.problem or ""))
            ours.file.write_bytes(later.file.read_bytes())
            plain.hset("gateway:flag:auth", "percent", 50)
            await watched.until_percent(50)


@pytest.mark.parametrize(
    ("redis", "file", "words"),
    [
        ("redis://localhost", "authority.pem", "says nothing without TLS"),
        (None, "authority.pem", "says nothing without TLS"),
        ("embedded", "authority.pem", "says nothing without TLS"),
        ("rediss://localhost", "nothing.pem", "nothing.pem cannot be read: No such file or directory"),
        ("rediss://localhost", "empty.pem", "empty.pem holds no certificate in PEM form"),
    ],
)
def test_an_authority_that_cannot_be_used_is_refused_at_the_start(tmp_path, capsys, redis, file, words):
    Authority(tmp_path)
    (tmp_path / "empty.pem").write_bytes(b"")
    with pytest.raises(typer.Exit) as caught:
        serve(redis=redis, redis_ca_file=tmp_path / file, state_dir=tmp_path / "state")
    assert (caught.value.exit_code, words in " ".join(capsys.readouterr().err.split())) == (2, True)
