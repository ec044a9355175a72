"""Changes by our own tools against a real server: compare-and-set, the record, and what can go wrong."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from bench.ports import free_port
from gateway.flags.history import Change
from gateway.flags.kept import kept_of
from gateway.flags.stored import FlagConflictError, FlagStoreError
from gateway.flags.writer import FlagWriter
from gateway.model import BasisPoints
from gateway.rules.flagmodel import FeatureFlags, Hold
from tests.support.flagtools import until, watching
from tests.support.valkey_server import ValkeyServer

pytestmark = pytest.mark.anyio

ANN: dict[str, Any] = {"who": "ann", "reason": "more traffic"}
QUARTER = BasisPoints(2500)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def writer(own_valkey: ValkeyServer) -> AsyncIterator[FlagWriter]:
    made = FlagWriter(url=own_valkey.url, namespace="gateway", now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    yield made
    await made.aclose()


async def test_a_change_is_written_with_its_record(writer: FlagWriter, plain: Redis):
    await writer.set_percent("auth", BasisPoints(1000), who="bob", reason="start")
    written = await writer.set_percent("auth", QUARTER, **ANN)
    assert plain.hgetall("gateway:flag:auth") == {"percent": "25", "rev": "2"}
    assert (written.change.old, written.change.new, written.warnings) == ("10", "25", ())
    newest, first = await writer.history("auth", 5)
    assert newest == written.change
    assert newest.words() == "ann changed 10 to 25 (set) at 2026-01-02T03:04:05Z: more traffic"
    assert (first.who, first.rev) == ("bob", 1)


def test_a_change_of_a_list_is_told_as_one():
    change = Change("2026-01-02T03:04:05Z", "ann", "testers", "allow", "", "+alice -bob", 3)
    assert change.words() == "ann changed the allow list by +alice -bob at 2026-01-02T03:04:05Z: testers"


async def test_every_kind_of_change_bumps_the_revision_and_is_recorded(writer: FlagWriter, plain: Redis):
    await writer.set_enabled("auth", enabled=True, **ANN)
    await writer.add("auth", "allow", ["alice", "header:x-team=blue"], **ANN)
    await writer.add("auth", "deny", ["bob"], **ANN)
    await writer.remove("auth", "deny", ["bob"], **ANN)
    await writer.set_enabled("auth", enabled=False, **ANN)
    await writer.unset("auth", **ANN)
    await writer.adopt("auth", **ANN)
    assert plain.hgetall("gateway:flag:auth") == {"rev": "7"}
    assert plain.smembers("gateway:allow:auth") == {"alice", "header:x-team=blue"}
    actions = [(change.action, change.old, change.new) for change in await writer.history("auth")]
    assert actions == [
        ("adopt", "", ""),
        ("unset", "enabled=false", ""),
        ("disable", "true", "false"),
        ("deny", "", "-bob"),
        ("deny", "", "+bob"),
        ("allow", "", "+alice +header:x-team=blue"),
        ("enable", "", "true"),
    ]


async def test_the_percent_of_shadows_is_a_field_of_its_own(writer: FlagWriter, plain: Redis):
    await writer.set_shadow("auth", QUARTER, **ANN)
    written = await writer.set_shadow("auth", BasisPoints(50), **ANN)
    assert plain.hgetall("gateway:flag:auth") == {"shadow_percent": "0.5", "rev": "2"}
    assert (written.change.action, written.change.old, written.change.new) == ("shadow", "25", "0.5")
    with pytest.raises(FlagConflictError, match="revision 2, not 1"):
        await writer.set_shadow("auth", QUARTER, **ANN, expected_rev=1)
    await writer.unset("auth", **ANN)
    assert plain.hgetall("gateway:flag:auth") == {"rev": "3"}


async def test_what_is_stored_is_read_as_it_stands(writer: FlagWriter, plain: Redis):
    plain.hset("gateway:flag:auth", mapping={"precent": "5", "enabled": "on", "rev": 3})
    plain.sadd("gateway:allow:auth", "b", "a")
    flag = await writer.read("auth")
    assert (flag.rev, flag.allow, flag.parsed.enabled) == (3, ("a", "b"), True)
    assert "did you mean percent?" in flag.problems[0]


async def test_a_change_of_an_older_revision_is_refused_with_who_made_the_newer(writer: FlagWriter, plain: Redis):
    seen = await writer.read("auth")
    await writer.set_percent("auth", QUARTER, **ANN)
    with pytest.raises(FlagConflictError, match=r"ann changed nothing to 25 \(set\)") as raised:
        await writer.set_percent("auth", BasisPoints(5000), who="bob", reason="", expected_rev=seen.rev)
    assert raised.value.last is not None
    assert raised.value.last.who == "ann"
    assert plain.hget("gateway:flag:auth", "percent") == "25"


async def test_of_two_operators_at_once_one_wins_and_the_other_is_told(writer: FlagWriter, plain: Redis):
    changes = (
        writer.set_percent("auth", BasisPoints(number * 100), who=f"operator {number}", reason="")
        for number in range(1, 21)
    )
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert 1 <= len(lost) < 20
    assert all(isinstance(error, FlagConflictError) for error in lost)
    assert all("changed at the same moment and now says percent=" in str(error) for error in lost)
    assert all("operator" in str(error) for error in lost)
    won = len(outcomes) - len(lost)
    assert int(plain.hget("gateway:flag:auth", "rev") or 0) == won == plain.xlen("gateway:history:auth")
    newest = (await writer.history("auth", 1))[0]
    assert plain.hget("gateway:flag:auth", "percent") == newest.new


async def test_a_kill_gets_through_whatever_others_do(writer: FlagWriter, plain: Redis):
    kills = (writer.set_enabled("auth", enabled=False, who=f"op{number}", reason="") for number in range(10))
    await asyncio.gather(*kills)
    assert plain.hgetall("gateway:flag:auth") == {"enabled": "false", "rev": "10"}


async def test_a_hand_edit_between_reading_and_writing_is_a_conflict_without_a_record(writer: FlagWriter, plain: Redis):
    plain.hset("gateway:flag:auth", "rev", 5)
    with pytest.raises(FlagConflictError, match="by hand"):
        await writer.set_percent("auth", QUARTER, **ANN, expected_rev=4)


async def test_a_key_of_the_wrong_type_is_told_with_what_to_type(writer: FlagWriter, plain: Redis):
    plain.set("gateway:flag:auth", "25")
    with pytest.raises(FlagStoreError, match="DEL gateway:flag:auth"):
        await writer.set_percent("auth", QUARTER, **ANN)
    assert "flag" in (await writer.read("auth")).wrong_types
    plain.delete("gateway:flag:auth")
    plain.set("gateway:allow:auth", "x")
    with pytest.raises(FlagStoreError, match="DEL gateway:allow:auth"):
        await writer.add("auth", "allow", ["alice"], **ANN)


async def test_a_kill_replaces_a_key_of_the_wrong_type(writer: FlagWriter, plain: Redis):
    plain.set("gateway:flag:auth", "25")
    written = await writer.set_enabled("auth", enabled=False, **ANN)
    assert "set a percent before you enable" in written.warnings[0]
    assert plain.hgetall("gateway:flag:auth") == {"enabled": "false", "rev": "1"}


async def test_a_revision_that_somebody_typed_wrong_is_repaired(writer: FlagWriter, plain: Redis):
    plain.hset("gateway:flag:auth", "rev", "new")
    await writer.set_percent("auth", QUARTER, **ANN)
    assert plain.hget("gateway:flag:auth", "rev") == "1"


async def test_a_change_that_cannot_be_recorded_is_made_and_says_so(writer: FlagWriter, plain: Redis):
    plain.set("gateway:history:auth", "x")
    written = await writer.set_percent("auth", QUARTER, **ANN)
    assert "not recorded" in written.warnings[0]
    assert plain.hget("gateway:flag:auth", "percent") == "25"


async def test_a_server_out_of_memory_changes_nothing_and_says_so(writer: FlagWriter, plain: Redis):
    plain.config_set("maxmemory", "1")
    with pytest.raises(FlagStoreError, match=r"out of memory.*kill: true"):
        await writer.set_enabled("auth", enabled=False, **ANN)
    assert plain.hgetall("gateway:flag:auth") == {}


async def test_a_server_that_is_away_is_told_in_words():
    writer = FlagWriter(url=f"redis://:s3cret@127.0.0.1:{free_port()}/0", namespace="gateway")
    try:
        with pytest.raises(FlagStoreError, match="not reachable") as raised:
            await writer.set_percent("auth", QUARTER, **ANN)
        assert "s3cret" not in str(raised.value)
        with pytest.raises(FlagStoreError, match="not reachable"):
            await writer.history("auth")
        with pytest.raises(FlagStoreError, match="not reachable"):
            await writer.read("auth")
    finally:
        await writer.aclose()


async def test_a_frozen_server_is_given_up_and_the_doubt_is_told(own_valkey: ValkeyServer, writer: FlagWriter):
    await writer.read("auth")
    own_valkey.freeze()
    with pytest.raises(FlagStoreError, match="may or may not have been made"):
        await writer.set_percent("auth", QUARTER, **ANN)
    own_valkey.thaw()


async def test_the_history_is_capped(writer: FlagWriter, plain: Redis):
    with plain.pipeline(transaction=False) as pipe:
        for number in range(3000):
            pipe.xadd("gateway:history:auth", {"who": f"w{number}", "rev": "x"})
        pipe.execute()
    await writer.set_percent("auth", QUARTER, **ANN)
    assert 1000 <= plain.xlen("gateway:history:auth") < 1200
    assert [change.who for change in await writer.history("auth", 2)] == ["ann", "w2999"]


async def test_adopt_puts_what_is_held_in_force(own_valkey: ValkeyServer, writer: FlagWriter, plain: Redis):
    plain.hset("gateway:flag:auth", "percent", 10)
    async with watching(own_valkey.url, features={"auth": 9000}) as watched:
        await watched.until_percent(10)
        plain.delete("gateway:flag:auth")
        await until(lambda: watched.auth is not None and watched.auth.hold is Hold.RAISES)
        await writer.adopt("auth", **ANN)
        await watched.until_percent(None)


async def test_unset_means_it(own_valkey: ValkeyServer, writer: FlagWriter):
    async with watching(own_valkey.url, features={"auth": 9000}) as watched:
        await watched.until_up()
        await writer.set_percent("auth", BasisPoints(100), **ANN)
        await watched.until_percent(1)
        await writer.unset("auth", **ANN)
        await watched.until_percent(None)
        assert watched.auth is not None
        assert not watched.auth.held


async def test_the_last_deny_entry_removed_by_our_tools_is_gone(own_valkey: ValkeyServer, writer: FlagWriter):
    async with watching(own_valkey.url) as watched:
        await watched.until_up()
        await writer.add("auth", "deny", ["bob"], **ANN)
        await until(lambda: watched.auth is not None and watched.auth.deny == {b"bob"})
        await writer.remove("auth", "deny", ["bob"], **ANN)
        await until(lambda: watched.auth is not None and watched.auth.deny == frozenset())


@pytest.mark.parametrize("change", ["allow", "deny", "shadow", "disable, enable", "unset lists"])
async def test_a_change_during_a_hold_releases_nothing_else(own_valkey: ValkeyServer, plain: Redis, change: str):
    """A lost flag stays in force until it is written or adopted, whatever else is changed meanwhile by our tools."""
    async with watching(own_valkey.url, features={"auth": 10_000}) as watched:
        watcher = watched.watcher
        await until(lambda: watcher.known is not None)

        def held() -> FeatureFlags:
            return watcher.known.features["auth"]

        writer = FlagWriter(
            url=own_valkey.url, namespace="gateway", kept=lambda name: kept_of(watcher.known.features.get(name))
        )
        await writer.set_percent("auth", QUARTER, **ANN)
        await writer.add("auth", "deny", ["mallory"], **ANN)
        await until(lambda: bool(held().deny))
        plain.delete("gateway:flag:auth", "gateway:deny:auth")
        await until(lambda: bool(held().hold and held().hold_deny))
        assert (held().percent, held().deny) == (2500, {b"mallory"})
        if change == "disable, enable":
            await writer.set_enabled("auth", enabled=False, **ANN)
            written = await writer.set_enabled("auth", enabled=True, **ANN)
        elif change == "unset lists":
            written = await writer.unset("auth", **ANN)
        elif change == "shadow":
            written = await writer.set_shadow("auth", BasisPoints(500), **ANN)
        else:
            written = await writer.add("auth", "allow" if change == "allow" else "deny", ["alice"], **ANN)
        await until(lambda: held().rev == written.change.rev)
        flags = held()
        assert not flags.held
        assert flags.deny == ({b"mallory", b"alice"} if change == "deny" else {b"mallory"})
        assert flags.percent == (None if change == "unset lists" else 2500)
        assert flags.shadow == (500 if change == "shadow" else None)
        assert plain.smembers("gateway:deny:auth") >= {"mallory"}
        await writer.aclose()


async def test_a_revision_is_higher_than_any_that_a_worker_holds(own_valkey: ValkeyServer, plain: Redis):
    """Redis has lost its data, and a worker that does not know it yet must not seem to hold the new flag."""
    writer = FlagWriter(url=own_valkey.url, namespace="gateway", newest_rev={"auth": 7}.get)  # type: ignore[arg-type]
    written = await writer.set_percent("auth", QUARTER, **ANN)
    assert (written.change.rev, plain.hget("gateway:flag:auth", "rev")) == (8, "8")
    plain.hset("gateway:flag:auth", "rev", 20)
    assert (await writer.set_percent("auth", QUARTER, **ANN)).change.rev == 21
    await writer.aclose()
