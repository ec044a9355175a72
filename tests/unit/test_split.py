"""The bucket rule and the order of the reasons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.schema import NoKey
from gateway.model import BasisPoints, Cohort, Reason, Side, Source
from gateway.rules.keys import Key, KeySource
from gateway.rules.policy import FeaturePolicy, KeyList, parse_key_list
from gateway.rules.split import bucket, decide

MASK = 2**64 - 1
P1, P2, P3, P4, P5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
)  # fmt: skip


def rotate(value, by):
    return ((value << by) | (value >> (64 - by))) & MASK


def lane(start, data):
    return rotate((start + int.from_bytes(data, "little") * P2) & MASK, 31) * P1 & MASK


def xxh64(data):
    """XXH64 with seed 0, from its specification, without the library that the product uses."""
    left = data
    if len(data) >= 32:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while len(left) >= 32:
            lanes = [lane(each, left[8 * place : 8 * place + 8]) for place, each in enumerate(lanes)]
            left = left[32:]
        total = sum(rotate(each, by) for each, by in zip(lanes, (1, 7, 12, 18), strict=True)) & MASK
        for each in lanes:
            total = ((total ^ lane(0, each.to_bytes(8, "little"))) * P1 + P4) & MASK
    else:
        total = P5
    total = (total + len(data)) & MASK
    while len(left) >= 8:
        total, left = (rotate(total ^ lane(0, left[:8]), 27) * P1 + P4) & MASK, left[8:]
    if len(left) >= 4:
        total = (rotate(total ^ (int.from_bytes(left[:4], "little") * P1 & MASK), 23) * P2 + P3) & MASK
        left = left[4:]
    for byte in left:
        total = rotate(total ^ (byte * P5 & MASK), 11) * P1 & MASK
    total = (total ^ total >> 33) * P2 & MASK
    total = (total ^ total >> 29) * P3 & MASK
    return total ^ total >> 32


keys = st.binary(min_size=1, max_size=80)
names = st.text("abcdefghijklmnopqrstuvwxyz-_.0123456789", min_size=1, max_size=20)
points = st.integers(0, 10_000).map(BasisPoints)


def test_the_independent_computation_is_xxh64():
    assert xxh64(b"") == 0xEF46DB3751D8E999
    assert xxh64(b"a") == 0xD24EC4F1A98C6E5B


@given(names, keys)
def test_a_bucket_is_the_hash_of_the_feature_and_the_raw_key(feature, key):
    assert bucket(feature, key) == xxh64(feature.encode() + b":" + key) % 10_000


def policy(points=5000, **values):
    return FeaturePolicy("auth", BasisPoints(points), Source.FILE, **values)


def side_of(held, key=b"alice", *, no_key=NoKey.LEGACY, read=lambda _: None):
    known = None if key is None else Key(KeySource("cookie", "id"), key)
    return decide(held, key=known, no_key=no_key, upstreams=("old", "new"), read=read)


@given(keys, points, points)
def test_raising_a_percent_only_adds_keys_and_lowering_only_removes(key, one, other):
    low, high = sorted((one, other))
    if side_of(policy(low), key).side is Side.NEW:
        assert side_of(policy(high), key).side is Side.NEW


@given(keys)
def test_none_is_nobody_and_all_is_everybody(key):
    assert side_of(policy(0), key).side is Side.LEGACY
    assert side_of(policy(10_000), key).side is Side.NEW


def test_the_share_on_new_is_the_percent():
    share = sum(side_of(policy(1234), b"user-%d" % number).side is Side.NEW for number in range(20_000))
    assert abs(share - 2468) < 5 * (20_000 * 0.1234 * 0.8766) ** 0.5


def test_two_features_are_independent():
    both = sum(bucket("auth", b"%d" % user) < 5000 and bucket("upload", b"%d" % user) < 5000 for user in range(20_000))
    assert abs(both - 5000) < 5 * (20_000 * 0.25 * 0.75) ** 0.5


LISTED = KeyList(exact=frozenset((b"alice",)))


@pytest.mark.parametrize(
    ("held", "side", "reason"),
    [
        (policy(0, retired=True, killed=True, unknown=True, deny=LISTED), Side.NEW, Reason.RETIRED),
        (policy(10_000, killed=True, unknown=True, deny=LISTED, allow=LISTED), Side.LEGACY, Reason.KILLED),
        (policy(10_000, unknown=True, deny=LISTED, allow=LISTED), Side.LEGACY, Reason.UNKNOWN),
        (policy(10_000, deny=LISTED, allow=LISTED), Side.LEGACY, Reason.DENIED),
        (policy(0, allow=LISTED), Side.NEW, Reason.ALLOWED),
        (policy(10_000), Side.NEW, Reason.SPLIT),
    ],
)
def test_the_first_rule_that_applies_decides(held, side, reason):
    decision = side_of(held)
    assert (decision.side, decision.reason) == (side, reason)
    assert decision.upstream == ("new" if side is Side.NEW else "old")
    assert decision.cohort is (Cohort.SPLIT if reason is Reason.SPLIT else Cohort.OTHER)
    assert (decision.bucket is not None) == (reason is Reason.SPLIT)


@pytest.mark.parametrize(("no_key", "side"), [(NoKey.LEGACY, Side.LEGACY), (NoKey.NEW, Side.NEW)])
def test_without_a_key_the_feature_says_where(no_key, side):
    decision = side_of(policy(10_000 if side is Side.LEGACY else 0), None, no_key=no_key)
    assert (decision.side, decision.reason, decision.bucket) == (side, Reason.NO_KEY, None)


def test_an_entry_may_name_another_source_than_the_key():
    lists = parse_key_list(frozenset((b"header:X-Team=qa", b"client_ip=10.0.0.1")))
    sources = {"header:x-team": b"qa"}
    assert side_of(policy(0, allow=lists), read=sources.get).reason is Reason.ALLOWED
    assert side_of(policy(0, allow=lists), None, read=sources.get).reason is Reason.ALLOWED
    assert side_of(policy(0, allow=lists), read=lambda _: b"other").reason is Reason.SPLIT
    assert side_of(policy(0, allow=lists), read={"client_ip": b"10.0.0.1"}.get).reason is Reason.ALLOWED


def test_a_cookie_is_issued_only_where_its_bucket_decided():
    fresh = Key(KeySource("cookie", "id"), b"random", issued=True)
    split = decide(policy(), key=fresh, no_key=NoKey.ISSUE, upstreams=("old", "new"), read=lambda _: None)
    killed = decide(policy(killed=True), key=fresh, no_key=NoKey.ISSUE, upstreams=("old", "new"), read=lambda _: None)
    assert split.issue_cookie
    assert not killed.issue_cookie
    assert not side_of(policy()).issue_cookie
