"""What the script that takes a flush does where a key is not as it should be: that alone is lost, and nothing stays."""

import time

import pytest
from structlog.testing import capture_logs

from gateway.compare.keys import PARTS, CompareKeys
from gateway.model import ShadowOutcome
from gateway.rules.compared import Pair
from gateway.rules.pairs import MAX_PLACES
from gateway.shadow.ledger import Ledger
from tests.support.comparing import ROUTE, compared, shadow_plan

PLAN = shadow_plan()
FEATURES = ("alpha", "beta", "gamma", "delta")


async def flushes(ledger, number=3):
    """Of four features, each with a match, a difference, a sample and a pair."""
    for _ in range(number):
        for feature in FEATURES:
            ledger.count(feature, ShadowOutcome.MATCH)
            ledger.add(compared({"a": 1}, {"a": 2}, feature=feature), PLAN)
            ledger.pair(Pair(feature, ROUTE, frozenset(), frozenset(("body $.a",))))
        await ledger.turn()
    await ledger.turn()


@pytest.mark.parametrize("part", PARTS)
async def test_a_wrong_key_of_one_feature_costs_no_other_anything(ledgers, reader, plain_client, namespace, part):
    plain_client.set(CompareKeys(namespace).part("alpha", part), "oops")
    with capture_logs() as logs:
        await flushes(ledgers())
    for feature in FEATURES[1:]:
        found = await reader.feature(feature)
        assert (found["matches"], found["left_out"]["samples"]) == (3, 0)
        (difference,) = found["differences"]
        assert (difference["count"], len(difference["samples"]), difference["noise"]["new_only"]) == (3, 3, 3)
    if part != "totals":
        assert plain_client.hget(CompareKeys(namespace).part("alpha", "totals"), "match") == "3"
    lost = [(line["feature"], line["problem"]) for line in logs if line["event"].endswith("is not taken, and lost")]
    assert [feature for feature, _ in lost] in ([], ["alpha"])
    assert all("wrong type" in problem for _, problem in lost)
    assert lost or part == "left_out", "of which nothing was to be written"
    assert not [line for line in logs if "they are kept" in line["event"]]
    ends = {key: plain_client.ttl(key) for key in plain_client.keys(f"{namespace}:*")}
    assert all(seconds > 0 for seconds in ends.values()), ends


@pytest.mark.parametrize("part", PARTS)
async def test_a_wrong_key_hides_nothing_else_from_whoever_reads_and_a_clear_mends_it(
    ledgers, reader, plain_client, namespace, part
):
    ledger, key = ledgers(), CompareKeys(namespace).part("alpha", part)
    plain_client.set(key, "oops")
    await flushes(ledger)
    totals = await reader.totals(FEATURES)
    assert {name: told["matches"] for name, told in totals.items()} == {
        name: 0 if (name, part) == ("alpha", "totals") else 3 for name in FEATURES
    }
    assert (await reader.feature("alpha"))["matches"] == totals["alpha"]["matches"]
    await reader.clear("alpha")
    await flushes(ledger, 1)
    assert plain_client.type(key) in ("hash", "zset", "none")
    assert [each["count"] for each in (await reader.feature("alpha"))["differences"]] == [1]


async def test_a_field_that_is_no_number_costs_itself_alone(ledgers, reader, plain_client, namespace):
    ledger, keys = ledgers(), CompareKeys(namespace)
    await flushes(ledger, 1)
    (before,) = (await reader.feature("alpha"))["differences"]
    plain_client.hset(keys.part("alpha", "totals"), "mismatch", "many")
    plain_client.hset(keys.part("alpha", "counts"), f"{before['fingerprint']} furthest", "far")
    plain_client.hset(keys.part("alpha", "pairs"), f'["{ROUTE}"]', "x")
    ledger.count("alpha", ShadowOutcome.MISMATCH)
    await flushes(ledger, 2)
    found = await reader.feature("alpha")
    assert (found["matches"], found["mismatches"]) == (3, 0)
    (difference,) = found["differences"]
    assert (difference["count"], difference["values"]["furthest"], difference["noise"]["new_only"]) == (3, 1.0, 3)


async def test_without_the_right_to_give_keys_an_end_nothing_is_written_and_all_is_kept(own_valkey):
    with own_valkey.client() as plain:
        plain.execute_command("ACL", "SETUSER", "some", "on", ">secret", "~*", "+@all", "-expire")
        url = f"redis://some:secret@127.0.0.1:{own_valkey.port}/0"
        ledger = Ledger(url=url, namespace="gateway")
        with capture_logs() as logs:
            await flushes(ledger)
        assert "they are kept" in logs[0]["event"]
        assert plain.keys("gateway:*") == []
        plain.execute_command("ACL", "SETUSER", "some", "+expire")
        await ledger.turn()
        await ledger.aclose()
        assert {plain.hget(f"gateway:compare:{name}:totals", "match") for name in FEATURES} == {"3"}


@pytest.mark.parametrize("evicted", [("differences",), ("last",), ("differences", "last"), ("first", "last", "kept")])
async def test_keys_that_a_server_evicts_leave_nothing_behind_for_ever(
    ledgers, reader, plain_client, namespace, evicted
):
    """Whatever is left of one difference ages as it does, and counts as one."""
    ledger, part = ledgers(keep_seconds=3600), CompareKeys(namespace).part
    for number in range(3):
        key = f"field_{'abc'[number]}"
        ledger.add(compared({key: 1}, {key: 2}, when=time.time()), PLAN)
        await ledger.turn()
        plain_client.delete(*(part("auth", each) for each in evicted))
    ledger.count("auth", ShadowOutcome.MATCH)
    await ledger.turn()
    known = set(plain_client.hkeys(part("auth", "differences")))
    assert {field.split()[0] for field in plain_client.hkeys(part("auth", "counts"))} == known
    assert set(plain_client.zrange(part("auth", "last"), 0, -1)) == known
    assert len((await reader.feature("auth"))["differences"]) == (0 if "differences" in evicted else 3)


async def test_routes_of_pairs_are_bounded(ledgers, plain_client, namespace):
    ledger = ledgers()
    for number in range(2 * MAX_PLACES + 10):
        ledger.pair(Pair("auth", f"/{number}", frozenset(), frozenset()))
    await ledger.turn()
    assert plain_client.hlen(CompareKeys(namespace).part("auth", "pairs")) <= 2 * MAX_PLACES + 1
