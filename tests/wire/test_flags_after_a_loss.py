"""Redis has lost its data: what an operator changes right then is in force when the command says so."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from tests.support.gateway_process import until


def change_before_workers_look(gateway, valkey, percent):
    """Redis comes back empty, and a flag is written before a worker has read it again. Returns what was answered."""
    valkey.kill()
    valkey.replace_data(None)
    until(lambda: not gateway.status()["redis"]["up"], what="the loss of Redis being noticed")
    workers = [pid for slot, pid in gateway.pids().items() if slot in {"w0", "w1"}]
    with ThreadPoolExecutor(1) as threads:
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            valkey.start()
            reply = threads.submit(gateway.flag, "auth", "percent", value=str(percent))
            with valkey.client() as redis:
                until(lambda: redis.hget("gateway:flag:auth", "percent") == str(percent), what="the write")
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
        return reply.result().json()


def reported(redis):
    return [json.loads(report)["features"]["auth"] for report in redis.hgetall("gateway:workers").values()]


def shares(gateway):
    return set(gateway.status()["features"]["auth"]["shares"].values())


def test_a_change_right_after_a_loss_is_confirmed_by_workers_that_hold_it(launch, own_valkey):
    gateway = launch(redis=own_valkey.url)
    for percent in (40, 30, 20):  # each raises the revision that the workers hold
        assert gateway.flag("auth", "percent", value=str(percent)).status == 200
    answer = change_before_workers_look(gateway, own_valkey, 10)
    assert answer["workers"]["missing"] == []
    assert shares(gateway) == {1_000}


def test_a_raise_right_after_a_loss_is_held_and_the_answer_says_so(launch, own_valkey):
    gateway = launch(redis=own_valkey.url)
    assert gateway.flag("auth", "percent", value="10").status == 200
    answer = change_before_workers_look(gateway, own_valkey, 60)
    held = [f"{slot} (it came with other data and is held)" for slot in ("w0", "w1")]
    assert answer["workers"]["missing"] == held
    assert shares(gateway) == {1_000}
    with own_valkey.client() as redis:  # what other machines see of these workers
        until(lambda: reported(redis) == [[False, 1_000, 0]] * 2, what="reports that claim no revision")
    assert gateway.flag("auth", "percent", value="60").json()["workers"]["missing"] == [], "said twice, it is meant"
    assert shares(gateway) == {6_000}
