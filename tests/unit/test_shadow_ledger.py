"""A worker's ledger without Redis: bounded, and knowing its own pairs."""

import gc
import timeit
import tracemalloc

import orjson
import pytest

from gateway.compare.limits import MAX_DIFFERENCES
from gateway.model import ShadowOutcome
from gateway.rules.compared import Asked, Pair
from gateway.rules.noise import Verdict
from gateway.rules.place_names import MAX_PLACE
from gateway.rules.replies import Reply
from gateway.shadow.batch import MAX_HELD_BYTES, MAX_SAMPLE_BYTES, MAX_WAITING, Batch, Waiting
from gateway.shadow.differences import groups_of, place_id, stored_place
from gateway.shadow.ledger import Ledger
from gateway.shadow.samples import prepare
from gateway.shadow.shown_places import ShownPlaces
from tests.support.comparing import JSON, compared, difference, reply, shadow_plan

PLAN = shadow_plan()


def alone():
    return Ledger(url=None, namespace="gateway")


async def test_everything_stays_bounded_in_memory():
    ledger = alone()
    for number in range(MAX_DIFFERENCES + 50):
        ledger.count("auth", ShadowOutcome.MISMATCH)
        ledger.add(compared({f"field_x{number}": 1}, {f"field_x{number}": 2}), PLAN)
        ledger.pair(Pair("auth", "/a", frozenset((f"body $.x{number}",)), frozenset()))
    await ledger.turn()
    await ledger.aclose()
    batch = ledger._batch
    assert len(batch.found) == MAX_DIFFERENCES
    assert batch.left_out["auth", "differences"] == 50
    assert batch.waiting == []
    assert batch.counts == {("auth", ShadowOutcome.MISMATCH): MAX_DIFFERENCES + 50}


def test_its_own_pairs_decide():
    ledger = alone()
    for _ in range(40):
        ledger.pair(Pair("auth", "/a", frozenset(("body $.a",)), frozenset(("body $.a", "body $.b"))))
    assert ledger.verdict("auth", "/a", "body $.a") is Verdict.NOISE
    assert ledger.verdict("auth", "/a", "body $.b") is Verdict.MISMATCH
    assert ledger.verdict("auth", "/b", "body $.a") is Verdict.UNDECIDED
    assert ledger.verdict("upload", "/a", "body $.a") is Verdict.UNDECIDED


def test_a_count_costs_less_than_a_microsecond():
    ledger = alone()
    best = min(timeit.repeat(lambda: ledger.count("auth", ShadowOutcome.MATCH), number=2000, repeat=50)) / 2000
    assert best < 1e-6


def waiting(body=b"{}", prints=("a",)):
    made = compared({"a": 1}, {"a": 2})
    return Waiting(
        type(made)(
            **{name: getattr(made, name) for name in made.__slots__} | {"asked": type(made.asked)("GET", "/", (), body)}
        ),
        PLAN,
        prints,
    )


def test_samples_that_wait_are_bounded_by_number_and_bytes():
    batch = Batch()
    assert sum(batch.add_sample(waiting(prints=(str(number),))) for number in range(100)) == MAX_WAITING
    batch, large = Batch(), b"x" * 250_000
    assert sum(batch.add_sample(waiting(large)) for _ in range(20)) == MAX_HELD_BYTES // 250_020
    assert batch.held_bytes <= MAX_HELD_BYTES
    assert not Batch().add_sample(waiting(b"x" * MAX_SAMPLE_BYTES))


@pytest.mark.parametrize(
    ("legacy", "new"),
    [
        (b"[" + b",".join([b"{}"] * 30_000) + b"]", b"{}"),
        (orjson.dumps([{"a": number} for number in range(4000)]), orjson.dumps([{"a": 0}] * 4000)),
        (orjson.dumps({"k" * 1000: [1] * 900}), orjson.dumps({"k" * 1000: [2] * 900})),
        (orjson.dumps(["x" * 2500] * 50), orjson.dumps(["y" * 2500] * 50)),
        (b"[1]", b"[2]"),
    ],
)
def test_samples_that_wait_hold_no_more_than_is_accounted(legacy, new):
    batch = Batch()
    compared(reply(legacy), reply(new))  # what is remembered of paths is there before
    before = tracemalloc_started()
    for number in range(3):
        sides = [Reply(200, [JSON, ("x-a", "b" * 1000)], bytes(bytearray(body))) for body in (legacy, new)]
        batch.add_sample(Waiting(compared(*sides), PLAN, (str(number),)))
    del sides
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(batch.waiting) == 3
    assert held < 1.5 * batch.held_bytes + 4096 * len(batch.waiting)


def tracemalloc_started():
    gc.collect()
    tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


def test_what_waits_is_shown_as_if_it_had_not_waited():
    many = [{"id": number, "secret": "hunter2hunter2", "big": 10**15, "n": None} for number in range(300)]
    made = compared({"a": many, "b": "x", "c": {"d": [1.5]}}, {"b": ["x"], "e": {"f": many[0]}, "g": [[True, {}]]})
    direct, waits = Batch(), Batch()
    direct.waiting.append(Waiting(made, PLAN, ("a",)))
    assert waits.add_sample(Waiting(made, PLAN, ("a",)))
    shown = []
    for batch in (direct, waits):
        prepare(batch)
        content = orjson.loads(batch.samples[0].content)
        shown.append({key: value for key, value in content.items() if key != "id"})
    assert shown[0] == shown[1]
    assert [each["place"] for each in shown[0]["differences"]] == ["$.a", "$.b", "$.c", "$.e", "$.g"]
    assert "hunter2" not in str(shown)


def test_differences_that_do_not_wait_are_counted():
    batch = Batch()
    made = compared({"a": [1] * 500}, {"a": [2] * 500})
    batch.add_sample(Waiting(made, PLAN, ("a",)))
    prepare(batch)
    content = orjson.loads(batch.samples[0].content)
    assert (len(content["differences"]), content["more_differences"]) == (50, 450)


def test_a_sample_that_cannot_be_written_costs_no_other(monkeypatch):
    batch = Batch()
    for name in ("good", "bad", "fine"):
        batch.add_sample(waiting(prints=(name,)))
    real = prepare.__globals__["hidden"]
    calls = []

    def sometimes(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise ZeroDivisionError
        return real(*arguments)

    monkeypatch.setitem(prepare.__globals__, "hidden", sometimes)
    prepare(batch)
    assert [sample.fingerprints for sample in batch.samples] == [("good",), ("fine",)]
    assert batch.left_out == {("auth", "samples"): 1}


def test_samples_are_written_for_so_long_and_no_longer():
    batch, now = Batch(), iter(range(100))
    for name in ("first", "second", "third"):
        batch.add_sample(waiting(prints=(name,)))
    prepare(batch, lambda: float(next(now)))
    assert [sample.fingerprints for sample in batch.samples] == [("first",)]
    assert batch.left_out == {("auth", "samples"): 2}


def test_items_of_a_list_are_one_difference_with_what_all_have_in_common():
    ones = [difference(f"$.items[{number}].n", number, number + number) for number in range(1, 5)]
    (group,) = groups_of(ones)
    assert (group.place, group.traits, group.furthest) == ("body $.items[*].n", {"number"}, 4.0)
    (mixed,) = groups_of([*ones, difference("$.items[9].n", 1, 2.5)])
    assert (mixed.traits, mixed.furthest) == (frozenset(), None)


def test_places_tell_nothing_below_a_secrets_name():
    assert stored_place("body $.items[*].id") == "body $.items[*].id"
    assert stored_place("header header:etag") == "header header:etag"
    assert stored_place("body $.users.*.tokens.hunter.two") == "body $.users.*.tokens"
    assert stored_place('body $["my secret"][*]') == 'body $["my secret"]'
    assert stored_place('body $.tokens["hunter two') == "body $.tokens"
    assert stored_place('body $.tokens.x["hunter') == "body $.tokens"
    assert stored_place('body $.plain["hunter') == 'body $.plain["hunter'
    assert stored_place("body line") == "body line"
    assert "eyJhbGci" not in stored_place('body $["eyJhbGci.eyJzdWIi.c2lnbmF0"]')


REDACT = ("$.people", "$.items[0].by", "$..mails", '$.users["4200"].roles', "$.all[*]")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("body $.plain.name", "body $.plain.name"),
        ("body $.people", "body $.people"),
        ('body:type $.people["ann smith"].city[*].zip', "body:type $.people.*.*[*].*"),
        ("body $.items[*].by.ann", "body $.items[*].by.*"),
        ("body $.items[*].of.ann", "body $.items[*].of.ann"),
        ("body $.mails.ann", "body $.mails.*"),
        ("body $.deep.down[*].mails.ann", "body $.deep.down[*].mails.*"),
        ("body $.users.*.roles.ann", "body $.users.*.roles.*"),
        ("body $.mail.*.ann[*].bob", "body $.mail.*.ann[*].bob"),
        ("body $.all[*].ann", "body $.all[*].*"),
        ("body $.tokens.hunter", "body $.tokens"),
        ("body $.by.correct-horse.x", "body $.by.*.x"),
        ('body $["of correct-horse"]', "body $.*"),
        ('body $["per cent%20"]', "body $.*"),
        ("body $.asked.much-too-well", "body $.asked.*"),
        ("body $.asked.in-the-form", "body $.asked.in-the-form"),
        ("header header:etag", "header header:etag"),
        ("status status", "status status"),
        ('body $.whole["half of correct-ho', "body $.whole"),
        (f"body $.{'a.' * MAX_PLACE}"[: MAX_PLACE + 5], f"body $.{'a.' * MAX_PLACE}"[: MAX_PLACE + 2]),
    ],
)
def test_keys_below_a_redacted_place_and_keys_that_are_secrets_of_the_request_are_told_as_stars(place, told):
    headers = ("cookie", "sid=correct-horse"), ("x-token", "per cent%20")
    asked = Asked("POST", "/a", headers, b'{"password": "much-too-well"}')
    assert ShownPlaces(compared({}, {}, asked=asked), shadow_plan(redact=REDACT))(place) == told


def test_a_form_is_read_for_secrets_too_and_a_long_body_is_not():
    def told(body):
        return ShownPlaces(compared({}, {}, asked=Asked("POST", "/a", (), body)), PLAN)("body $.asked.in-the-form")

    assert told(b"password=in-the-form&a=b") == "body $.asked.*"
    assert told(b"password=in-the-form&a=" + b"b" * 100_000) == "body $.asked.in-the-form"


def test_pairs_hold_no_text_of_a_place_and_all_below_a_secrets_name_are_one():
    ledger = alone()
    ledger.pair(Pair("auth", "/a", frozenset(("body $.sessions.correct-horse",)), frozenset()))
    ((_, kept),) = ledger._batch.pairs.places["auth"]
    assert kept == place_id("body $.sessions.correct-horse")
    assert len(kept) == 12
    assert place_id("body $.tokens.hunter") == place_id("body $.tokens.two") != place_id("body $.other.two")
    assert place_id("body $.a") != place_id("body:type $.a")
    assert place_id('body $["\ud800"]')
