"""Changes under load: flags by a plain client, the kill switch from Redis and from the file, edits of routes.yaml."""

import asyncio
import json
import subprocess
import sys
import time

from redis.asyncio import Redis

from tests.support.load import Load, owner_of, until

FLIPS = 200
EDITS = 100
KILLS = 5


async def test_a_change_by_a_plain_client_reaches_every_worker_under_load(stack, figure):
    """From HSET to the first affected request of each worker; the slowest worker counts."""
    pids = stack.worker_pids()
    redis = Redis(port=stack.layout.redis_port, protocol=2)
    seen: dict[int, tuple[str, float]] = {}
    owners: dict[int, int] = {}

    def on_reply(number, reply):
        owner = owners.get(number)
        if owner is not None and wanted and reply.side == wanted[0] and reply.sent_at >= wanted[1]:
            seen.setdefault(owner, reply.received_at)

    wanted = None
    milliseconds, wrong_after = [], 0
    async with Load(stack.port, connections=8, on_reply=on_reply) as load:
        owners |= {number: owner_of(link.local_port, pids) for number, link in enumerate(load.links)}
        assert set(owners.values()) == set(pids), "the load reaches every worker"
        for flip in range(FLIPS):
            side = "new" if flip % 2 else "legacy"
            seen.clear()
            began = time.perf_counter()
            wanted = (side, began)
            await redis.hset("gateway:flag:auth", "percent", 100 if side == "new" else 0)
            await until(lambda: set(seen) == set(pids), what=f"change {flip} on every worker")
            milliseconds.append((max(seen.values()) - began) * 1000)
    await redis.aclose()
    assert load.failures == []
    assert wrong_after == 0
    figure("HSET to the first affected request, slowest worker", milliseconds, "ms")
    figure("requests meanwhile", load.total)


def cli(stack, *arguments):
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments, "--admin", f"http://127.0.0.1:{stack.layout.admin_port}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def test_after_flag_disable_returns_not_one_request_reaches_new(stack, figure):
    killed_at = None
    late = []

    def on_reply(_, reply):
        if killed_at is not None and reply.sent_at > killed_at and "new" in (reply.side, reply.server):
            late.append(reply)

    async with Load(stack.port, connections=16, on_reply=on_reply) as load:
        took = []
        for _ in range(KILLS):
            before = load.sides["new"]
            await until(lambda before=before: load.sides["new"] > before + 50, what="traffic on new")
            began = time.perf_counter()
            printed = await asyncio.to_thread(cli, stack, "flag", "disable", "auth", "--reason", "drill", "--json")
            killed_at = time.perf_counter()
            took.append((killed_at - began) * 1000)
            assert json.loads(printed)["workers"]["missing"] == []
            after = load.total
            await until(lambda after=after: load.total > after + 200, what="traffic after the kill")
            killed_at = None
            await asyncio.to_thread(stack.flag, "auth", "enable")
    assert late == []
    assert load.failures == []
    figure("flag disable, the whole command", took, "ms")
    figure("requests meanwhile", load.total)


async def test_a_kill_in_the_file_stops_new_under_load(stack, figure):
    killed_at = None
    late = []

    def on_reply(_, reply):
        if killed_at is not None and reply.sent_at > killed_at and "new" in (reply.side, reply.server):
            late.append(reply)

    killed = stack.good_routes.replace("percent: 100\n", "percent: 100\n    kill: true\n", 1)
    assert killed != stack.good_routes
    async with Load(stack.port, connections=16, on_reply=on_reply) as load:
        for text in (killed, stack.good_routes.replace("version: 1\n", "version: 1\nkill_all: true\n", 1)):
            before = load.sides["new"]
            await until(lambda before=before: load.sides["new"] > before + 50, what="traffic on new")
            began = time.perf_counter()
            await stack.in_force(text)
            killed_at = time.perf_counter()
            figure("kill in the file to in force everywhere", round((killed_at - began) * 1000), "ms")
            after = load.total
            await until(lambda after=after: load.total > after + 200, what="traffic after the kill")
            killed_at = None
            await stack.in_force(stack.good_routes)
    assert late == []
    assert load.failures == []


async def test_a_hundred_edits_half_of_them_broken_fail_no_request(stack, figure):
    broken = (
        "version: 1\nroutes: [",
        stack.good_routes.replace("percent: 100", "precent: 100"),
        stack.good_routes.replace("feature: auth}", "feature: atuh}"),
        "",
    )
    before = stack.status()["config"]["edits"]
    refused = set()
    async with Load(stack.port, connections=16) as load:
        for edit in range(EDITS // 2):
            good = stack.good_routes.replace("percent: 100", f"percent: {99 if edit % 2 else 98}", 1) + f"# {edit}\n"
            await stack.in_force(good)
            stack.routes.write_text(broken[edit % len(broken)] + f"\n# {edit}")
            await until(lambda: stack.status()["config"]["faults"], what="the broken edit being refused")
            refused.add(stack.status()["config"]["faults"][0].split(": ", 1)[1])
    edits = stack.status()["config"]["edits"]
    figure(
        "edits", f"{edits['accepted'] - before['accepted']} accepted, {edits['refused'] - before['refused']} refused"
    )
    figure("requests meanwhile", load.total)
    assert edits["accepted"] - before["accepted"] == EDITS // 2
    assert edits["refused"] - before["refused"] == EDITS // 2
    assert len(refused) >= 3
    assert load.failures == []
