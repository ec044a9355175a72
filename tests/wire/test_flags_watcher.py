"""The watcher against a real server: speed, lost connections, servers that die, freeze or have other data."""

import asyncio
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from bench.ports import free_port
from gateway.flags.snapshot import SnapshotFile
from gateway.model import NONE
from gateway.rules.flagmodel import Configured, Event, EventKind, Hold, Known
from tests.support.flagtools import until, watching
from tests.support.valkey_server import ValkeyServer

pytestmark = pytest.mark.anyio

MOST_TURNS = {"uvloop": 3, "asyncio": 4}
"""With a task for each step there were four, and six."""

Factory = Callable[..., ValkeyServer]
NOTHING = Configured(NONE)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Workers run on uvloop."""
    return "asyncio", {"use_uvloop": request.param}


async def test_a_change_by_a_plain_client_arrives_in_milliseconds(own_valkey: ValkeyServer, plain: Redis, figure):
    took = []
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        for number in range(100):
            percent = number % 97 + 1
            start = time.perf_counter()
            await asyncio.to_thread(plain.hset, "gateway:flag:auth", "percent", percent)
            await watched.until_percent(percent)
            took.append((watched.changes[-1] - start) * 1000)
    figure("HSET to in force", took, "ms")
    assert statistics.median(took) < 1000  # the net alone would take seconds


async def test_a_change_is_in_force_after_two_turns_of_a_loop_that_is_never_idle(
    own_valkey: ValkeyServer, plain: Redis
):
    """At full load a turn takes milliseconds: one to hear of it, one to read it, none in which a task waits."""
    loop = asyncio.get_running_loop()
    turns, percent = 0, 7

    def turn() -> None:
        nonlocal turns
        if watched.percent == percent:
            done.set()
            return
        if turns == 0:
            plain.hset("gateway:flag:auth", "percent", percent)
        for _ in range(3):
            plain.ping()  # the server has answered whatever it was asked before
        turns += 1
        loop.call_soon(turn)

    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        for percent in (7, 77, 0):
            turns, done = 0, asyncio.Event()
            loop.call_soon(turn)
            await asyncio.wait_for(done.wait(), 10)
            assert turns <= MOST_TURNS[type(loop).__module__.split(".")[0]], percent  # the first is the change's own


async def test_lists_arrive_and_foreign_keys_wake_nobody(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        synced = watched.watcher.last_sync
        plain.xadd("gateway:history:auth", {"a": "b"})
        plain.hset("gateway:workers", "w", "x")
        assert plain.ping()
        plain.sadd("gateway:allow:auth", "alice")
        await until(lambda: watched.auth is not None and watched.auth.allow == {b"alice"})
        assert watched.watcher.last_sync != synced
        assert len(watched.changes) == 2  # the first reading and the list
        plain.sadd("gateway:deny:auth", b"\xff\xfe")
        await until(lambda: watched.auth is not None and watched.auth.deny == {b"\xff\xfe"})


async def test_a_burst_of_writes_is_coalesced_and_its_end_is_in_force(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()

        def burst() -> None:
            with plain.pipeline(transaction=False) as pipe:
                for number in range(2000):
                    pipe.hset("gateway:flag:auth", "percent", number % 100)
                pipe.hset("gateway:flag:auth", "percent", 100)
                pipe.execute()

        await asyncio.to_thread(burst)
        await watched.until_percent(100)
        assert len(watched.changes) < 1000


async def test_five_hundred_features_are_read_quickly(own_valkey: ValkeyServer, plain: Redis, figure):
    features = {f"feature-{number}": 0 for number in range(500)}
    with plain.pipeline(transaction=False) as pipe:
        for name in features:
            pipe.hset(f"gateway:flag:{name}", mapping={"percent": "12.5", "enabled": "true", "rev": "3"})
            pipe.sadd(f"gateway:allow:{name}", "alice", "bob")
        pipe.execute()
    async with watching(own_valkey.url, features=features) as watched:
        await watched.until_up()
        took = []
        for _ in range(5):
            before, start = watched.watcher.last_sync, time.perf_counter()
            watched.watcher.update_features(watched.watcher._features)
            await until(lambda before=before: watched.watcher.last_sync != before)
            took.append((time.perf_counter() - start) * 1000)
        assert watched.watcher.known is not None
        assert len(watched.watcher.known.features) == 500
    figure("500 features read", took, "ms")


async def test_after_the_listener_is_killed_the_next_change_still_arrives(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        for percent in (10, 20, 30):
            listener = next(client["id"] for client in plain.client_list() if client["sub"] == "1")
            plain.client_kill_filter(_id=listener)
            plain.hset("gateway:flag:auth", "percent", percent)
            await watched.until_percent(percent)
            await until(lambda: any(client["sub"] == "1" for client in plain.client_list()))
            await watched.until_up()
            plain.hset("gateway:flag:auth", "percent", percent + 1)
            await watched.until_percent(percent + 1)
    assert not any(event.kind is EventKind.OTHER_DATA for event in watched.events)


async def test_after_the_reader_is_killed_the_next_change_still_arrives(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        own = plain.client_id()
        reader = next(c["id"] for c in plain.client_list() if c["sub"] == "0" and int(c["id"]) != own)
        plain.client_kill_filter(_id=reader)
        plain.hset("gateway:flag:auth", "percent", 15)
        await watched.until_percent(15)


async def test_a_server_that_is_restarted_with_its_data_changes_nothing(own_valkey: ValkeyServer, plain: Redis):
    plain.hset("gateway:flag:auth", "percent", 25)
    async with watching(own_valkey.url, creates_epoch=True) as watched:
        await watched.until_percent(25)
        await until(lambda: watched.watcher.known is not None and watched.watcher.known.epoch is not None)
        own_valkey.kill(signal.SIGTERM)
        await watched.until_down()
        assert watched.watcher.problem is not None
        assert watched.percent == 25
        own_valkey.start()
        await watched.until_up()
        assert (watched.percent, watched.auth is not None and watched.auth.held) == (25, False)
        plain.hset("gateway:flag:auth", "percent", 50)
        await watched.until_percent(50)


async def test_a_server_that_comes_back_empty_keeps_the_last_known_flags(own_valkey: ValkeyServer, plain: Redis):
    plain.hset("gateway:flag:auth", mapping={"percent": 25, "rev": 3})
    plain.sadd("gateway:deny:auth", "bob")
    async with watching(own_valkey.url, creates_epoch=True) as watched:
        await watched.until_percent(25)
        own_valkey.kill()
        own_valkey.replace_data(None)
        await watched.until_down()
        own_valkey.start()
        await watched.until_up()
        await until(lambda: watched.auth is not None and watched.auth.hold is Hold.LOST)
        assert watched.auth is not None
        assert (watched.percent, watched.auth.deny) == (25, {b"bob"})
        assert [event.kind for event in watched.events][-2:] == [EventKind.OTHER_DATA, EventKind.HELD]
        plain.hset("gateway:flag:auth", "rev", 1)
        await until(lambda: watched.auth is not None and not watched.auth.held)
        assert (watched.percent, watched.auth.deny) == (None, frozenset())


@pytest.mark.parametrize(("back", "in_force"), [("older", 25.0), ("lower", 5.0), ("killed", 25.0)])
async def test_a_server_that_comes_back_with_other_data(
    own_valkey: ValkeyServer, plain: Redis, tmp_path: Path, back: str, in_force: float
):
    other = {
        "older": {"percent": 90, "rev": 2},
        "lower": {"percent": 5, "rev": 9},
        "killed": {"percent": 25, "enabled": "false"},
    }[back]
    plain.hset("gateway:flag:auth", mapping=other)
    plain.set("gateway:epoch", "same" if back == "older" else "other")
    plain.close()
    own_valkey.kill(signal.SIGTERM)
    own_valkey.save_data(tmp_path / "saved")
    own_valkey.start()
    plain.delete("gateway:flag:auth")
    plain.hset("gateway:flag:auth", mapping={"percent": 25, "enabled": "true", "rev": 5})
    plain.set("gateway:epoch", "same")
    async with watching(own_valkey.url) as watched:
        await watched.until_percent(25)
        own_valkey.kill()
        own_valkey.replace_data(tmp_path / "saved")
        await watched.until_down()
        own_valkey.start()
        await watched.until_up()
        assert watched.auth is not None
        assert watched.percent == in_force
        assert watched.auth.enabled is (False if back == "killed" else watched.auth.enabled)
        assert watched.auth.held is (back == "older")
        plain.hset("gateway:flag:auth", mapping={"percent": 33, "enabled": "true"})
        await watched.until_percent(33)
        assert watched.auth.held is False


async def test_a_frozen_server_is_found_and_its_return_is_no_surprise(own_valkey: ValkeyServer, plain: Redis):
    plain.hset("gateway:flag:auth", "percent", 25)
    async with watching(own_valkey.url, ping_seconds=0.1, limit_seconds=0.2) as watched:
        await watched.until_percent(25)
        own_valkey.freeze()
        start = time.monotonic()
        await watched.until_down()
        assert time.monotonic() - start < 3
        assert watched.watcher.problem == "Redis does not answer in time"
        assert watched.percent == 25
        own_valkey.thaw()
        await watched.until_up()
        plain.hset("gateway:flag:auth", "percent", 90)
        await watched.until_percent(90)
        assert not any(event.kind is EventKind.OTHER_DATA for event in watched.events)


async def test_a_slow_server_costs_freshness_and_nothing_else(own_valkey: ValkeyServer):
    with own_valkey.client(socket_timeout=10) as slow:
        slow.hset("gateway:flag:auth", "percent", 25)
        async with watching(own_valkey.url, ping_seconds=0.1, limit_seconds=0.2) as watched:
            await watched.until_percent(25)
            await asyncio.to_thread(slow.execute_command, "CLIENT", "PAUSE", "1000", "ALL")
            await watched.until_down()
            assert watched.percent == 25
            await watched.until_up()
            await asyncio.to_thread(slow.hset, "gateway:flag:auth", "percent", 26)
            await watched.until_percent(26)


async def test_a_server_that_appears_later_is_found(valkey_factory: Factory):
    server = valkey_factory()
    async with watching(server.url) as watched:
        await until(lambda: "not reachable" in (watched.watcher.problem or ""))
        assert watched.watcher.known is None
        server.start()
        with server.client() as plain:
            plain.hset("gateway:flag:auth", "percent", 25)
            await watched.until_percent(25)
        assert watched.watcher.problem is None


@pytest.mark.parametrize(
    ("rules", "credentials", "words"),
    [
        (("default", "on", ">right"), ":s3cretwrong@", "refuses the user name or password"),
        (("default", "on", ">right"), "", "asks for a password"),
        (("app", "on", ">s3cretok", "~*", "+@all", "-client|tracking"), "app:s3cretok@", "does not permit"),
        (("app", "on", ">s3cretok", "~other:*", "&*", "+@all"), "app:s3cretok@", "does not permit"),
    ],
)
async def test_a_refusal_is_told_in_words_and_without_the_password(
    own_valkey: ValkeyServer, plain: Redis, rules: tuple[str, ...], credentials: str, words: str
):
    plain.execute_command("ACL", "SETUSER", rules[0], "resetpass", *rules[1:])
    async with watching(f"redis://{credentials}127.0.0.1:{own_valkey.port}/0") as watched:
        await until(lambda: words in (watched.watcher.problem or ""), what=watched.watcher.problem or "")
        assert "s3cret" not in (watched.watcher.problem or "")
        assert not watched.watcher.up


async def test_the_right_password_is_used_in_the_right_database(own_valkey: ValkeyServer, plain: Redis):
    with own_valkey.client(db=3) as third:
        third.hset("gateway:flag:auth", "percent", 25)
    plain.config_set("requirepass", "p@ss/word")
    async with watching(f"redis://:p%40ss%2Fword@127.0.0.1:{own_valkey.port}/3") as watched:
        await watched.until_percent(25)


async def test_a_flush_falls_through_where_that_lowers_and_is_held_where_it_would_raise(
    own_valkey: ValkeyServer, plain: Redis
):
    for name in ("down", "up"):
        plain.hset(f"gateway:flag:{name}", "percent", 50)
    async with watching(own_valkey.url, features={"down": 1000, "up": 9000}, creates_epoch=True) as watched:
        await until(lambda: watched.watcher.known is not None and watched.watcher.known.epoch is not None)
        plain.flushall()
        await until(
            lambda: watched.watcher.known is not None and watched.watcher.known.features["down"].percent is None
        )
        assert watched.watcher.known is not None
        up = watched.watcher.known.features["up"]
        assert (up.percent, up.hold) == (5000, Hold.RAISES)
        await until(lambda: bool(plain.exists("gateway:epoch")))


@pytest.mark.parametrize("gone", ["del", "expire", "evict"])
async def test_a_key_that_vanishes_falls_through(own_valkey: ValkeyServer, plain: Redis, gone: str):
    plain.hset("gateway:flag:auth", "percent", 50)
    async with watching(own_valkey.url) as watched:
        await watched.until_percent(50)
        if gone == "del":
            plain.delete("gateway:flag:auth")
        elif gone == "expire":
            plain.pexpire("gateway:flag:auth", 1)
        else:
            plain.config_set("maxmemory-policy", "allkeys-random")
            plain.config_set("maxmemory", "1")
            with pytest.raises(Exception, match="maxmemory"):
                plain.set("filler", "x" * 10_000)
        await watched.until_percent(None)


async def test_a_field_removed_by_hand_is_an_instruction(own_valkey: ValkeyServer, plain: Redis):
    plain.hset("gateway:flag:auth", mapping={"percent": 5, "enabled": "true"})
    async with watching(own_valkey.url, features={"auth": 9000}) as watched:
        await watched.until_percent(5)
        plain.hdel("gateway:flag:auth", "percent")
        await watched.until_percent(None)


async def test_a_key_of_the_wrong_type_keeps_the_last_values_and_is_reported(own_valkey: ValkeyServer, plain: Redis):
    plain.hset("gateway:flag:auth", "percent", 5)
    async with watching(own_valkey.url, features={"auth": 0, "other": 0}) as watched:
        await watched.until_percent(5)
        plain.set("gateway:flag:auth", "25")
        await until(lambda: watched.auth is not None and bool(watched.auth.problems))
        assert watched.percent == 5
        plain.hset("gateway:flag:other", "percent", 7)
        await until(
            lambda: watched.watcher.known is not None and watched.watcher.known.features["other"].percent == 700
        )


async def test_a_flag_of_no_feature_is_reported_once_with_its_nearest_match(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        for percent in (1, 2, 3):
            plain.hset("gateway:flag:auht", "percent", percent)
        await until(lambda: bool(watched.events))
        plain.hset("gateway:flag:auht", "percent", 4)
        plain.hset("gateway:flag:auth", "percent", 9)
        await watched.until_percent(9)
        told = [event.text for event in watched.events if event.feature is None]
        assert told == ["a flag was written for 'auht', which is no feature; did you mean auth?"]


async def test_a_new_feature_is_read_at_once(own_valkey: ValkeyServer, plain: Redis):
    plain.hset("gateway:flag:upload", "percent", 7)
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        watched.watcher.update_features({"auth": NOTHING, "upload": NOTHING})
        await until(lambda: watched.watcher.known is not None and "upload" in watched.watcher.known.features)
        watched.watcher.update_features({"upload": NOTHING})
        await until(lambda: watched.watcher.known is not None and "auth" not in watched.watcher.known.features)


async def test_namespaces_do_not_hear_each_other(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url, namespace="staging") as staging, watching(own_valkey.url) as production:
        await staging.until_up()
        await production.until_up()
        plain.hset("staging:flag:auth", "percent", 90)
        await staging.until_percent(90)
        assert production.percent is None
        assert len(production.changes) == 1


async def test_the_slow_rereading_is_the_net(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url, reread_seconds=0.2) as watched:
        await watched.until_up()
        listener = next(client["id"] for client in plain.client_list() if client["sub"] == "1")
        plain.hset("gateway:flag:auth", "percent", 3)
        await watched.until_percent(3)
        synced = watched.watcher.last_sync
        await until(lambda: watched.watcher.last_sync != synced)
        assert any(client["id"] == listener for client in plain.client_list())


async def test_a_server_that_takes_no_writes_is_read_all_the_same(valkey_factory: Factory):
    server = valkey_factory("--replicaof", f"127.0.0.1 {free_port()}", "--replica-serve-stale-data", "yes")
    server.start()
    async with watching(server.url, creates_epoch=True) as watched:
        await watched.until_up()
        await until(lambda: "read-only replica" in (watched.watcher.problem or ""))
        assert watched.watcher.up


async def test_a_reborn_process_holds_what_its_siblings_hold(own_valkey: ValkeyServer, plain: Redis, tmp_path: Path):
    snapshot = SnapshotFile(tmp_path / "flags.json")
    plain.hset("gateway:flag:auth", mapping={"percent": 25, "rev": 1})
    plain.sadd("gateway:allow:auth", "alice", b"\xff")
    async with watching(own_valkey.url, snapshot=snapshot, saves_snapshot=True, creates_epoch=True) as control:
        await control.until_percent(25)
        await until(lambda: control.watcher.known is not None and control.watcher.known.epoch is not None)
        own_valkey.kill()
        own_valkey.replace_data(None)
        await control.until_down()
        await until(lambda: snapshot.load() == control.watcher.known)
        async with watching(own_valkey.url, snapshot=SnapshotFile(tmp_path / "flags.json")) as reborn:
            assert reborn.watcher.known == control.watcher.known
            own_valkey.start()
            plain.hset("gateway:flag:auth", "percent", 80)
            await reborn.until_up()
            await control.until_up()
            await until(lambda: reborn.auth == control.auth and reborn.auth is not None and reborn.auth.held)
            await until(lambda: snapshot.load() == control.watcher.known)
            async with watching(own_valkey.url, snapshot=SnapshotFile(tmp_path / "flags.json")) as third:
                await third.until_up()
                assert third.auth == control.auth
                plain.hset("gateway:flag:auth", "rev", 2)
                for watched in (control, reborn, third):
                    await watched.until_percent(80)


async def test_stopping_leaves_no_connection_behind(own_valkey: ValkeyServer, plain: Redis):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        assert len(plain.client_list()) == 3
    await until(lambda: len(plain.client_list()) == 1)


async def test_a_snapshot_that_could_not_be_saved_is_tried_again_soon(own_valkey: ValkeyServer, plain: Redis):
    """A disk that was full has room again: not only after the next change of a flag."""

    class Disk:
        saved: list[Known] = []  # noqa: RUF012 - one object, one test
        room = False

        def load(self) -> Known | None:
            return None

        def save(self, known: Known) -> bool:
            self.saved.append(known)
            return self.room

    disk = Disk()
    plain.hset("gateway:flag:auth", "percent", 25)
    async with watching(own_valkey.url, snapshot=disk, saves_snapshot=True) as watched:
        await until(lambda: len(disk.saved) == 1)
        disk.room = True
        await until(lambda: len(disk.saved) == 2, seconds=5.0)
        assert disk.saved[-1] == watched.watcher.known


async def test_more_features_than_one_reading_has_room_for_are_changed_at_once(own_valkey: ValkeyServer, plain: Redis):
    features = {f"feature-{number}": 0 for number in range(200)}
    async with watching(own_valkey.url, features=features, reread_seconds=60) as watched:
        await watched.until_up()
        for percent in (20, 30):
            with plain.pipeline(transaction=True) as pipe:
                for name in features:
                    pipe.hset(f"gateway:flag:{name}", "percent", percent)
                pipe.execute()
            await until(
                lambda percent=percent: (
                    watched.watcher.known is not None
                    and {flags.percent for flags in watched.watcher.known.features.values()} == {percent * 100}
                )
            )


async def test_a_change_beside_one_of_no_feature_is_in_force_and_the_other_one_is_told(
    own_valkey: ValkeyServer, plain: Redis
):
    async with watching(own_valkey.url, reread_seconds=60) as watched:
        await watched.until_up()
        for percent, name in ((20, "auht"), (30, "other")):
            with plain.pipeline(transaction=True) as pipe:
                pipe.hset(f"gateway:flag:{name}", "percent", percent)
                pipe.hset("gateway:flag:auth", "percent", percent)
                pipe.execute()
            await watched.until_percent(percent)
            await until(lambda name=name: any(repr(name) in event.text for event in watched.events))


async def test_a_fault_of_ours_in_the_callback_costs_a_session_and_no_change(own_valkey: ValkeyServer, plain: Redis):
    faults = [ZeroDivisionError("a fault of ours")]
    async with watching(own_valkey.url, reread_seconds=60) as watched:
        await watched.until_up()
        told = watched.watcher._on_change

        def on_change(known: Known, events: tuple[Event, ...]) -> None:
            told(known, events)
            if faults:
                raise faults.pop()

        watched.watcher._on_change = on_change
        plain.hset("gateway:flag:auth", "percent", 20)
        await watched.until_percent(20)
        await watched.until_down()
        await watched.until_up()
        plain.hset("gateway:flag:auth", "percent", 30)
        await watched.until_percent(30)
        assert not faults
