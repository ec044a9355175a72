"""What a worker reads back of pairs: what has changed, of all machines, and each pair once."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from gateway.compare.keys import CompareKeys
from gateway.rules.compared import Pair
from gateway.rules.noise import PairCounts
from gateway.rules.pairs import counts_in
from gateway.shadow.differences import place_id
from gateway.shadow.ledger import READ_SECONDS
from tests.support.comparing import ROUTE

FEATURES = ("alpha", "beta", "gamma")


class Worker:
    """A ledger, and what it has read."""

    def __init__(self, make):
        self.now = 100.0
        self.ledger = make(clock=lambda: self.now)
        self.reads = []
        pairs = self.ledger._store._pairs
        real = pairs._all

        async def counted(key):
            self.reads.append(key.split(":")[-2])
            return await real(key)

        pairs._all = counted

    def pair(self, feature, *places):
        self.ledger.pair(Pair(feature, ROUTE, frozenset(), frozenset(f"body $.{name}" for name in places)))

    def known(self, feature, place):
        return counts_in(self.ledger._pair_tables, feature, ROUTE, place_id(f"body $.{place}"))

    async def turn(self):
        """One that reads, where something was asked."""
        self.now += READ_SECONDS + 1
        for feature in FEATURES:
            self.ledger.verdict(feature, ROUTE, "body $.a")
        self.reads.clear()
        await self.ledger.turn()
        return self.reads


@pytest.fixture
def workers(ledgers):
    return Worker(ledgers), Worker(ledgers)


async def test_a_feature_is_read_only_where_pairs_of_it_were_written(workers):
    one, other = workers
    for feature in FEATURES:
        other.pair(feature, "a", "b")
    await other.turn()
    assert await one.turn() == [*FEATURES]
    assert await one.turn() == []
    other.pair("beta", "a")
    await other.turn()
    assert await one.turn() == ["beta"]
    assert await one.turn() == []
    assert one.known("beta", "a") == other.known("beta", "a") == PairCounts(new_only=2)
    assert one.known("beta", "b") == other.known("beta", "b") == PairCounts(new_only=1, neither=1)
    assert one.known("gamma", "a") == PairCounts(new_only=1)


async def test_more_places_than_are_taken_in_at_once_and_both_that_change_and_that_do_not(workers):
    one, other = workers
    names = [f"field_{'abcdefghijklmnopqrstuvwxyz'[number % 26]}{'x' * (number // 26)}" for number in range(450)]
    other.pair("alpha", *names)
    await other.turn()
    await one.turn()
    other.pair("alpha", *names[::2])
    await other.turn()
    await one.turn()
    assert all(one.known("alpha", name) == PairCounts(new_only=2) for name in names[::2])
    assert all(one.known("alpha", name) == PairCounts(new_only=1, neither=1) for name in names[1::2])


async def test_what_was_cleared_is_forgotten_by_all(workers, reader):
    one, other = workers
    other.pair("alpha", "a")
    await other.turn()
    await one.turn()
    await reader.clear("alpha")
    assert await one.turn() == ["alpha"]
    assert one.known("alpha", "a") == PairCounts()
    other.pair("alpha", "b")
    await other.turn()
    await one.turn()
    assert one.known("alpha", "a") == PairCounts(neither=1)
    assert one.known("alpha", "b") == PairCounts(new_only=1)


async def test_own_pairs_of_a_feature_that_cannot_be_read_stay_and_others_are_read(workers, plain_client, namespace):
    one, other = workers
    plain_client.set(CompareKeys(namespace).part("alpha", "pairs"), "oops")
    for each in (one, other):
        for feature in FEATURES:
            each.pair(feature, "a")
    with capture_logs() as logs:
        for each in (one, other, one):
            await each.turn()
    assert one.known("alpha", "a") == PairCounts(new_only=1)
    assert one.known("beta", "a") == PairCounts(new_only=2)
    assert "pairs of a feature cannot be read" in " ".join(line["event"] for line in logs)


async def test_a_connection_that_is_lost_among_features_counts_no_pair_twice(workers):
    one, other = workers
    for feature in FEATURES:
        one.pair(feature, "a")
    pairs = one.ledger._store._pairs
    real = pairs._all

    async def lost(key):
        if "gamma" in key:
            raise RedisConnectionError
        return await real(key)

    pairs._all = lost
    with capture_logs() as logs:
        await one.turn()
    assert "what other machines know of noise cannot be read" in logs[0]["event"]
    assert {one.known(feature, "a") for feature in FEATURES} == {PairCounts(new_only=1)}
    pairs._all = real
    await one.turn()
    assert {one.known(feature, "a") for feature in FEATURES} == {PairCounts(new_only=1)}
    await other.turn()
    assert {other.known(feature, "a") for feature in FEATURES} == {PairCounts(new_only=1)}


async def test_a_field_that_is_no_text_hides_no_other(workers, plain_client, namespace):
    one, other = workers
    other.pair("alpha", "a")
    plain_client.hset(CompareKeys(namespace).part("alpha", "pairs"), b"\xff\xfe", b"\xff")
    await other.turn()
    await one.turn()
    assert one.known("alpha", "a") == PairCounts(new_only=1)
