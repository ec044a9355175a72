"""What workers write of comparisons into a real Valkey, and what the control process reads back."""

import asyncio
import contextlib
import time

import orjson
import pytest
from structlog.testing import capture_logs

from gateway.compare.keys import CompareKeys
from gateway.compare.limits import MAX_DIFFERENCES, MAX_SAMPLES, MAX_SAMPLES_EACH
from gateway.compare.reader import CompareReader
from gateway.flags.keys import Keys
from gateway.flags.stored import FlagStoreError
from gateway.model import ShadowOutcome
from gateway.rules.compared import Asked, Pair
from gateway.rules.fingerprint import kind_and_place
from gateway.rules.noise import Verdict
from gateway.rules.replies import Reply
from gateway.shadow.batch import MAX_HELD_BYTES, MAX_SAMPLE_BYTES
from gateway.shadow.differences import place_id
from gateway.shadow.ledger import KEEP_SECONDS, TELL_SECONDS, Ledger
from tests.support.comparing import JSON, ROUTE, compared, reply, shadow_plan
from tests.support.flagtools import until, watching

PLAN = shadow_plan()


async def test_what_one_worker_has_found_is_read_back(ledgers, reader):
    ledger = ledgers()
    for when in (20.0, 10.0, 30.0):
        ledger.count("auth", ShadowOutcome.MISMATCH)
        ledger.add(compared({"a": 1, "b": [{"c": "x"}]}, {"a": "1", "b": [{"c": "y"}]}, when=when), PLAN)
    for _ in range(7):
        ledger.count("auth", ShadowOutcome.MATCH)
    ledger.count("auth", ShadowOutcome.DROPPED_BUDGET)
    ledger.count("auth", ShadowOutcome.FAILED)
    await ledger.turn()
    found = await reader.feature("auth")
    assert (found["compared"], found["matches"], found["mismatches"], found["shadows"]) == (10, 7, 3, 12)
    assert (found["failed"], found["dropped"]) == (1, {"budget": 1})
    assert found["rate"]["value"] == 0.3
    assert 0 < found["rate"]["low"] < 0.3 < found["rate"]["high"] < 1
    assert abs(found["since"] - time.time()) < 60
    typed, valued = sorted(found["differences"], key=lambda each: each["place"])
    assert (typed["place"], typed["kind"], typed["change"]) == ("$.a", "body", "type")
    assert (valued["place"], valued["change"], valued["route"]) == ("$.b[*].c", "value", ROUTE)
    assert valued["example"] == {"path": "$.b[0].c", "legacy": '"x"', "new": '"y"', "expected": ""}
    assert (typed["first"], typed["last"], typed["count"], typed["outcomes"]) == (10.0, 30.0, 3, {"mismatch": 3})
    assert len(typed["samples"]) == 3
    assert typed["samples"] == valued["samples"]
    sample = await reader.sample(typed["samples"][0])
    assert (sample["feature"], sample["outcome"], sample["answered"]) == ("auth", "mismatch", "legacy")
    assert orjson.loads(sample["legacy"]["body"]["text"]) == {"a": 1, "b": [{"c": "x"}]}
    assert [each["path"] for each in sample["differences"]] == ["$.a", "$.b[0].c"]


async def test_those_seen_most_often_come_first_and_many_items_of_one_reply_are_one(ledgers, reader):
    ledger = ledgers()
    for number in range(3):
        ledger.add(compared({"often": number}, {"often": -1}), PLAN)
    ledger.add(compared([{"id": n} for n in range(50)], [{"id": -n - 1} for n in range(50)]), PLAN)
    await ledger.turn()
    found = (await reader.feature("auth"))["differences"]
    assert [(each["place"], each["count"]) for each in found] == [("$.often", 3), ("$[*].id", 1)]


async def test_workers_add_up_exactly_and_never_exceed_a_cap(ledgers, reader, plain_client, namespace):
    """Four at once, each with more differences and samples than there is room for."""
    workers, rounds, kinds = [ledgers() for _ in range(4)], 6, MAX_DIFFERENCES // 2
    sent, begin = 0, round(time.time()) - 1000.0
    for turn in range(rounds):
        for index, worker in enumerate(workers):
            for kind in range(kinds):
                key = f"field_{'xyz'[turn % 3]}_{kind}"
                when = begin + turn * 10 + index
                worker.count("auth", ShadowOutcome.MISMATCH)
                worker.add(compared({key: 1}, {key: 2}, when=when), PLAN)
                sent += 1
        await asyncio.gather(*(worker.turn() for worker in workers))
    found = await reader.feature("auth")
    assert found["mismatches"] == sent
    assert len(found["differences"]) == MAX_DIFFERENCES
    assert sum(each["count"] for each in found["differences"]) + found["left_out"]["differences"] == sent
    assert all(len(each["samples"]) <= MAX_SAMPLES_EACH for each in found["differences"])
    assert len({sample for each in found["differences"] for sample in each["samples"]}) <= MAX_SAMPLES
    keys = plain_client.keys(f"{namespace}:compare:sample:*")
    assert len(keys) == plain_client.zcard(f"{namespace}:compare:auth:kept") <= MAX_SAMPLES
    first = next(each for each in found["differences"] if each["place"] == "$.field_x_0")
    assert (first["first"], first["last"], first["count"]) == (begin, begin + 33, 8)


async def test_samples_of_one_difference_are_capped_among_machines(ledgers, reader):
    workers = [ledgers() for _ in range(4)]
    for worker in workers:
        for _ in range(20):
            worker.add(compared({"a": 1}, {"a": 2}), PLAN)
    await asyncio.gather(*(worker.turn() for worker in workers))
    (found,) = (await reader.feature("auth"))["differences"]
    assert found["count"] == 80
    assert len(set(found["samples"])) == MAX_SAMPLES_EACH


class Forwarder:
    """Between a worker and its Redis. loses: it passes requests on, and cuts instead of answering."""

    def __init__(self, port):
        self.loses = False
        self.lost = 0
        self._to = port

    async def serve(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def aclose(self):
        self._server.close()
        await self._server.wait_closed()

    async def _accept(self, client, to_client):
        server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        answers = asyncio.get_running_loop().create_task(self._answers(server, to_client), name="answers")
        with contextlib.suppress(OSError):
            while data := await client.read(65_536):
                to_server.write(data)
                await to_server.drain()
        for end in (to_client, to_server):
            end.close()
        await asyncio.wait((answers,))

    async def _answers(self, server, to_client):
        with contextlib.suppress(OSError):
            while data := await server.read(65_536):
                if self.loses:
                    self.lost += 1
                    break
                to_client.write(data)
                await to_client.drain()
        to_client.close()


async def test_a_flush_whose_answer_is_lost_on_the_way_counts_once(shared_valkey, reader, namespace):
    forwarder = Forwarder(shared_valkey.port)
    port = await forwarder.serve()
    ledger = Ledger(url=f"redis://127.0.0.1:{port}/0", namespace=namespace)
    for number in range(3):
        ledger.count("auth", ShadowOutcome.MISMATCH)
        ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
        forwarder.loses = number > 0
        await ledger.turn()
        if number:
            before = forwarder.lost
            await ledger.turn()
            assert forwarder.lost > before > 0
    assert (await reader.feature("auth"))["mismatches"] == 2
    forwarder.loses = False
    await ledger.aclose()
    await forwarder.aclose()
    found = await reader.feature("auth")
    assert (found["mismatches"], found["differences"][0]["count"]) == (3, 3)


async def test_a_flush_that_is_sent_again_counts_once(ledgers, reader):
    """The server takes it, and the worker does not hear of it."""
    ledger = ledgers()
    ledger.count("auth", ShadowOutcome.MISMATCH)
    ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
    ledger.pair(Pair("auth", ROUTE, frozenset(), frozenset(("body $.a",))))
    send, answers = ledger._store.send, []

    async def loses_the_answer(*arguments):
        answers.append(await send(*arguments))
        raise ConnectionResetError

    ledger._store.send = loses_the_answer
    await ledger.turn()
    await ledger.turn()
    ledger.count("auth", ShadowOutcome.MATCH)  # meanwhile
    ledger._store.send = send
    await ledger.turn()
    await ledger.turn()
    assert len(answers) == 2
    found = await reader.feature("auth")
    assert (found["mismatches"], found["matches"]) == (1, 1)
    assert found["differences"][0]["count"] == 1
    assert len(found["differences"][0]["samples"]) == 1
    assert found["differences"][0]["noise"]["new_only"] == 1


async def test_a_key_of_another_type_costs_one_flush_and_never_counts_twice(ledgers, reader, plain_client, namespace):
    key = CompareKeys(namespace).part("auth", "differences")
    plain_client.set(key, "oops")
    ledger = ledgers()
    ledger.count("auth", ShadowOutcome.MATCH)
    ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
    with capture_logs() as logs:
        await ledger.turn()
        await ledger.turn()
    assert "wrong type" in logs[0]["problem"]
    plain_client.delete(key)
    ledger.count("auth", ShadowOutcome.MATCH)
    await ledger.turn()
    assert (await reader.feature("auth"))["matches"] == 2


async def test_everything_expires(ledgers, reader, plain_client, namespace):
    ledger = ledgers(keep_seconds=1)
    ledger.count("auth", ShadowOutcome.MISMATCH)
    ledger.add(compared({"a": 1}, {"a": 2}, when=time.time()), PLAN)
    ledger.pair(Pair("auth", ROUTE, frozenset(), frozenset(("body $.a",))))
    await ledger.turn()
    assert len(plain_client.keys(f"{namespace}:compare:*")) > 6
    writer = f"{namespace}:compare:writer:"
    await until(lambda: all(key.startswith(writer) for key in plain_client.keys(f"{namespace}:compare:*")))
    assert all(plain_client.ttl(key) > 0 for key in plain_client.keys(f"{namespace}:compare:*"))
    found = await reader.feature("auth")
    assert (found["shadows"], found["differences"], found["rate"], found["since"]) == (0, [], None, None)


async def test_every_key_has_an_end(ledgers, plain_client, namespace):
    ledger = ledgers()
    ledger.count("auth", ShadowOutcome.MISMATCH)
    ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
    ledger.pair(Pair("auth", ROUTE, frozenset(("body $.a",)), frozenset()))
    await ledger.turn()
    ends = {key: plain_client.ttl(key) for key in plain_client.keys(f"{namespace}:*")}
    assert all(0 < seconds <= KEEP_SECONDS for seconds in ends.values()), ends


async def test_a_difference_that_is_not_seen_any_more_makes_room(ledgers, reader):
    """By the clock of the server: one that was last seen a long time ago is forgotten with all that belongs to it."""
    ledger = ledgers(keep_seconds=3600)
    ledger.add(compared({"old": 1}, {"old": 2}, when=time.time() - 7200), PLAN)
    await ledger.turn()
    ledger.add(compared({"young": 1}, {"young": 2}, when=time.time()), PLAN)
    await ledger.turn()
    assert [each["place"] for each in (await reader.feature("auth"))["differences"]] == ["$.young"]
    ledger.add(compared({"old": 1}, {"old": 2}, when=time.time()), PLAN)
    await ledger.turn()
    again = next(each for each in (await reader.feature("auth"))["differences"] if each["place"] == "$.old")
    assert again["count"] == 1


async def test_clear_forgets_one_feature_and_its_samples_alone(ledgers, reader, plain_client, namespace):
    ledger = ledgers()
    for feature in ("auth", "upload"):
        ledger.count(feature, ShadowOutcome.MISMATCH)
        ledger.add(compared({"a": 1}, {"a": 2}, feature=feature), PLAN)
    await ledger.turn()
    await reader.clear("auth")
    assert (await reader.feature("auth"))["shadows"] == 0
    assert plain_client.keys(f"{namespace}:compare:auth:*") == []
    assert len(plain_client.keys(f"{namespace}:compare:sample:*")) == 1
    assert (await reader.feature("upload"))["differences"][0]["count"] == 1


async def test_after_a_clear_an_example_and_samples_come_back_at_once(ledgers, reader):
    """Although the worker knew that there were enough."""
    ledger = ledgers()
    for _ in range(2):
        for _ in range(MAX_SAMPLES_EACH + 1):
            ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
        await ledger.turn()
    await reader.clear("auth")
    for _ in range(2):
        ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
        await ledger.turn()
    (found,) = (await reader.feature("auth"))["differences"]
    assert (found["count"], len(found["samples"])) == (2, 1)
    assert found["example"]["new"] == "2"


async def test_pairs_of_all_machines_decide_what_is_noise(ledgers):
    """Each has seen too few; together they are enough, and each knows its own at once."""
    one, other = ledgers(), ledgers()
    noisy = Pair("auth", ROUTE, frozenset(("body $.a",)), frozenset(("body $.a",)))
    alone = Ledger(url=None, namespace="x")
    needed = 0
    while alone.verdict("auth", ROUTE, "body $.a") is not Verdict.NOISE:
        alone.pair(noisy)
        needed += 1
    for index in range(needed):
        (one if index % 2 else other).pair(noisy)
    assert one.verdict("auth", ROUTE, "body $.a") is Verdict.UNDECIDED
    await one.turn()
    await other.turn()
    assert other.verdict("auth", ROUTE, "body $.a") is Verdict.NOISE
    assert one.verdict("auth", "/another", "body $.a") is Verdict.UNDECIDED
    third = ledgers()
    assert third.verdict("auth", ROUTE, "body $.a") is Verdict.UNDECIDED
    await third.turn()
    assert third.verdict("auth", ROUTE, "body $.a") is Verdict.NOISE


async def test_own_pairs_count_once_whether_sent_or_read_back(ledgers):
    now = [100.0]
    ledger = ledgers(clock=lambda: now[0])
    pair = Pair("auth", ROUTE, frozenset(), frozenset(("body $.a",)))

    def known():
        tables = ledger._pair_tables
        return sum(table.pairs.get(("auth", ROUTE), 0) for table in tables)

    for number in range(1, 8):
        ledger.pair(pair)
        assert known() == number
        await ledger.turn()
        assert known() == number
        now[0] += 1.0


@pytest.mark.parametrize("outage", ["killed", "frozen"])
async def test_an_outage_loses_no_count_and_no_pair(own_valkey, outage):
    now = [0.0]
    ledger = Ledger(url=f"{own_valkey.url}?socket_timeout=0.2", namespace="gateway", clock=lambda: now[0])
    pair = Pair("auth", ROUTE, frozenset(), frozenset(("body $.a",)))
    ledger.count("auth", ShadowOutcome.MISMATCH)
    ledger.pair(pair)
    await ledger.turn()
    own_valkey.freeze() if outage == "frozen" else own_valkey.kill()
    big = "x" * 60_000
    with capture_logs() as logs:
        for turn in range(8):
            for number in range(25):
                ledger.count("auth", ShadowOutcome.MISMATCH)
                key = f"k{'abcdefgh'[turn]}{'abcdefghijklmnopqrstuvwxy'[number]}"
                ledger.add(compared({key: 1, "big": big}, {key: 2, "big": big}), PLAN)
                ledger.pair(pair)
            await ledger.turn()
            now[0] += TELL_SECONDS / 4
    held = ledger._batch.held_bytes + (ledger._outgoing.held_bytes if ledger._outgoing else 0)
    assert held <= 2 * MAX_HELD_BYTES
    told = [line for line in logs if "Redis does not take them" in line["event"]]
    assert len(told) == 2
    own_valkey.thaw() if outage == "frozen" else own_valkey.start()
    for _ in range(20):  # an answer may take longer than the socket's time on a busy machine
        await ledger.turn()
        if ledger._outgoing is None and ledger._batch.is_empty:
            break
    await ledger.aclose()
    reader = CompareReader(url=own_valkey.url, namespace="gateway")
    found = await reader.feature("auth")
    await reader.aclose()
    assert found["mismatches"] == 201
    assert sum(each["count"] for each in found["differences"]) + found["left_out"]["differences"] == 200
    with own_valkey.client() as plain:
        pairs = plain.hgetall("gateway:compare:auth:pairs")
    assert pairs == {f'["{ROUTE}"]': "201", f'["{ROUTE}","{place_id("body $.a")}"]': "0 0 201"}


async def test_namespaces_do_not_see_each_other_and_flags_are_not_woken(own_valkey):
    async with watching(own_valkey.url, namespace="one") as watched:
        await watched.until_up()
        before = len(watched.changes)
        ledgers = [Ledger(url=own_valkey.url, namespace=name) for name in ("one", "two")]
        for ledger in ledgers:
            ledger.count("auth", ShadowOutcome.MISMATCH)
            ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
            await ledger.turn()
            await ledger.aclose()
        with own_valkey.client() as plain:
            keys = plain.keys("*")
            assert not [key for key in keys if ":compare:" in key and key.startswith(Keys("one").listened)]
            assert any(key.startswith("two:compare:") for key in keys)
            plain.hset("one:flag:auth", "percent", "7")
        await watched.until_percent(7)
        assert len(watched.changes) == before + 1
    reader = CompareReader(url=own_valkey.url, namespace="one")
    assert (await reader.feature("auth"))["mismatches"] == 1
    await reader.aclose()


SECRET = "s3cr3t-v4lue-0815"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzM2NyM3QifQ.c2lnbmF0dXJlLXMzY3IzdA"


async def test_no_secret_is_in_any_key_or_value_of_the_server(own_valkey):
    """Planted wherever a request or a reply can hold one, and in what differs."""
    plan = shadow_plan(redact=("$.person.born", "$.people[*].born"), redact_headers=("x-internal",))
    asked = Asked(
        "POST",
        f"/api/v1/things?token={SECRET}&page=2&api_key={SECRET}",
        (
            ("authorization", f"Bearer {SECRET}"),
            ("cookie", f"sid={SECRET}; more=opensesame-l"),
            ("x-token", "opensesame-n"),
            ("x-internal", SECRET),
            JSON,
        ),
        orjson.dumps({"password": SECRET, "note": "kept-for-sure", "deep": {"client_secret": [SECRET, {"x": SECRET}]}}),
    )

    def side(name):
        secret = f"{SECRET}-{name}"
        content = {
            "access_token": secret,
            "jwt": f"{JWT}{name}",
            "url": f"postgresql://admin:{secret}@db/{name}",
            "person": {"born": secret},
            "people": [{"born": secret}],
            "secrets": {secret: name, "list": [secret]},
            "sessions": {f"opensesame-{name}": name},
            "plain": f"plain-{name}",
            f"{JWT}": name,
        }
        headers = (JSON, ("set-cookie", f"sid={secret}"), ("x-internal", secret), ("etag", f'"{name}"'))
        return Reply(200, headers, orjson.dumps(content))

    texts = [
        Reply(200, (("content-type", "text/plain"),), f"password={SECRET}-{name}\nBearer {SECRET}{name}".encode())
        for name in ("l", "n")
    ]
    absent = reply({"person": {"born": f"{SECRET}-l", "name": "Ann"}}), reply({})
    form = Asked("POST", "/f", (("content-type", "application/x-www-form-urlencoded"),), f"password={SECRET}".encode())
    ledger = Ledger(url=own_valkey.url, namespace="gateway")
    ledger.add(compared(side("l"), side("n"), asked=asked), plan)
    ledger.add(compared(*texts, asked=form), plan)
    ledger.add(compared(*absent), plan)
    binary = [
        Reply(200, (("content-type", "application/octet-stream"),), b"\xff\x00" + SECRET.encode() + each)
        for each in (b"l", b"n")
    ]
    ledger.add(compared(*binary), plan)
    await ledger.turn()
    await ledger.aclose()
    everything = _everything(own_valkey)
    assert "kept-for-sure" in everything
    assert "plain-n" in everything
    assert SECRET not in everything
    assert "c2lnbmF0dXJl" not in everything
    assert "opensesame" not in everything


async def test_no_key_of_a_body_that_is_a_secret_is_in_redis_where_no_sample_is_made(own_valkey):
    """Below a place that is redacted, or a value of the request; and pairs and differences still come together."""
    secret, pad = "correct-horse-battery-staple", "x" * MAX_SAMPLE_BYTES
    asked = Asked("GET", "/r", (("cookie", f"sid={secret}"),), b"")

    def side(value):
        return reply({"sessions": {secret: value}, "people": {"ann smith": {"city": value}}, "pad": pad})

    found = compared(side(1), side(2), asked=asked)
    places = frozenset(map(kind_and_place, found.differences))
    ledger = Ledger(url=own_valkey.url, namespace="gateway")
    ledger.add(found, shadow_plan(redact=("$.people",)))
    ledger.pair(Pair("auth", ROUTE, places, places))
    await ledger.turn()
    assert ledger.verdict("auth", ROUTE, f"body $.sessions.{secret}") is Verdict.UNDECIDED
    await ledger.aclose()
    everything = _everything(own_valkey)
    assert "sessions" in everything
    for word in (secret, "ann", "smith", "city"):
        assert word not in everything
    reader = CompareReader(url=own_valkey.url, namespace="gateway")
    told = (await reader.feature("auth"))["differences"]
    await reader.aclose()
    assert {(each["place"], each["noise"]["both"]) for each in told} == {("$.sessions.*", 1), ("$.people.*.*", 1)}
    assert all(each["samples"] == [] for each in told)


def _everything(server):
    """All keys and all that is in them, as one text."""
    found = []
    with server.client() as plain:
        for key in plain.keys("*"):
            kind = plain.type(key)
            read = {
                "string": plain.get,
                "hash": plain.hgetall,
                "zset": lambda key: plain.zrange(key, 0, -1, withscores=True),
            }[kind]
            found.append(f"{key} {read(key)}")
    assert len(found) > 5
    return "\n".join(found)


async def test_a_server_that_is_away_is_told_in_words(own_valkey):
    own_valkey.kill()
    reader = CompareReader(url=own_valkey.url, namespace="gateway")
    with pytest.raises(FlagStoreError, match="not reachable"):
        await reader.feature("auth")
    await reader.aclose()


async def test_what_somebody_wrote_by_hand_hides_nothing(ledgers, reader, plain_client, namespace):
    ledger = ledgers()
    ledger.count("auth", ShadowOutcome.MISMATCH)
    ledger.add(compared({"a": 1}, {"a": 2}), PLAN)
    await ledger.turn()
    base = f"{namespace}:compare:auth"
    plain_client.hset(f"{base}:differences", "junk", "{")
    plain_client.hset(f"{base}:differences", "more", "[1]")
    plain_client.hset(f"{base}:pairs", "junk", "x y z")
    plain_client.hset(f"{base}:totals", "match", "many")
    found = await reader.feature("auth")
    assert (found["matches"], found["mismatches"]) == (0, 1)
    assert [each["place"] for each in found["differences"]] == ["$.a"]
    plain_client.set(f"{namespace}:compare:sample:ab", "{")
    assert await reader.sample("ab") is None


async def test_the_task_sends_by_itself_and_the_end_sends_the_rest(shared_valkey, reader, namespace):
    ledger = Ledger(url=shared_valkey.url, namespace=namespace)
    task = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
    ledger.count("auth", ShadowOutcome.MATCH)
    found = {"matches": 0}

    async def look():
        found.update(await reader.feature("auth"))

    deadline = time.monotonic() + 10
    while not found["matches"]:
        assert time.monotonic() < deadline
        await look()
    task.cancel()
    await asyncio.wait((task,))
    ledger.count("auth", ShadowOutcome.MATCH)
    await ledger.aclose()
    await look()
    assert found["matches"] == 2
