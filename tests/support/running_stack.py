"""The stack as `make run` starts it, on free ports, and what operators do to it."""

import asyncio
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from bench.ports import free_port
from stack.layout import Layout
from stack.run import Stack
from stack.stops import Stops
from tests.support.load import until

ROOT = Path(__file__).resolve().parents[2]

CHEAP = {"ARGON2_TIME_COST": "1", "ARGON2_MEMORY_KIB": "64", "AI_STEP_SECONDS": "0.05"}
"""How long a password or an analysis takes is not what these tests are about."""


class RunningStack:
    """The stack and what operators do to it."""

    def __init__(self, layout, running):
        self.layout = layout
        self.running = running
        self.port = layout.port
        self.admin = httpx.Client(base_url=f"http://127.0.0.1:{layout.admin_port}", timeout=30, trust_env=False)
        self.routes = layout.routes_file()
        self.good_routes = self.routes.read_text()

    def status(self):
        return self.admin.get("/api/status").raise_for_status().json()

    def flag(self, feature, action, **more):
        reply = self.admin.post(f"/api/flags/{feature}", json={"action": action, "who": "test", **more})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def set_percent(self, feature, percent):
        """Returns when every worker holds it."""
        answer = self.flag(feature, "percent", value=str(percent))
        assert answer["workers"]["missing"] == []

    async def aset_percent(self, feature, percent):
        await asyncio.to_thread(self.set_percent, feature, percent)

    def worker_pids(self):
        return [worker["pid"] for worker in self.status()["workers"].values()]

    async def in_force(self, text):
        """Writes routes.yaml and waits until every worker runs it."""
        wanted = sha256(text.encode()).hexdigest()
        self.routes.write_text(text)

        def taken():
            config = self.status()["config"]
            return (
                wanted.startswith(config["accepted_sha256"])
                and config["file_in_force"]
                and not config["workers_behind"]
            )

        await until(taken, what="the edit being in force")


@contextmanager
def running_stack(home, routes):
    """routes: the text of routes.yaml, with the ports of the shipped one."""
    shipped = home / "shipped.yaml"
    shipped.write_text(routes)
    port, admin, redis, cache, legacy, new = (free_port() for _ in range(6))
    layout = Layout(
        home=home,
        routes=shipped,
        port=port,
        admin_port=admin,
        redis_port=redis,
        cache_port=cache,
        legacy_port=legacy,
        new_port=new,
    )
    running = Stack(layout, Stops())  # not installed: pytest has its own way with Ctrl-C
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CHEAP.items():
            environment.setenv(name, value)
        running.start()
        try:
            operator = RunningStack(layout, running)
            yield operator
            operator.admin.close()
        finally:
            running.stop()
