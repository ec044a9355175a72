"""Redis frozen, stopped and started under load: no failed request, no changed side."""

import os
import signal

from redis import Redis

from tests.support.load import Load, until

KEYS = 32


async def test_redis_stopped_and_started_costs_no_request_and_changes_no_side(stack, figure):
    await stack.aset_percent("auth", 50)
    redis = Redis(port=stack.layout.redis_port)
    server = redis.info("server")["process_id"]
    redis.close()
    supervisor = next(child.pid for child in stack.running.children if child.name == "gateway")
    sides: dict[int, set[str]] = {}

    async def redis_is(up):
        def reported():
            state = stack.status()["redis"]
            return state["up"] is up and all(worker["up"] is up for worker in state["workers"].values())

        await until(reported, what=f"every process reporting Redis {'up' if up else 'away'}")

    async def some_traffic():
        before = load.total
        await until(lambda: load.total > before + 300, what="traffic")

    def on_reply(number, reply):
        sides.setdefault(number, set()).add(reply.side)

    async with Load(stack.port, connections=KEYS, on_reply=on_reply) as load:
        await some_traffic()
        os.kill(server, signal.SIGSTOP)  # frozen: connected, and silent
        await redis_is(up=False)
        await some_traffic()
        os.kill(supervisor, signal.SIGSTOP)  # so that nobody starts another at once
        os.kill(server, signal.SIGKILL)
        await some_traffic()
        os.kill(supervisor, signal.SIGCONT)
        await redis_is(up=True)
        await some_traffic()
    figure("requests meanwhile", load.total)
    assert load.failures == []
    assert all(len(seen) == 1 for seen in sides.values()), "a user changed sides"
    assert {side for seen in sides.values() for side in seen} == {"legacy", "new"}
    assert stack.status()["features"]["auth"]["percent"] == "50"
