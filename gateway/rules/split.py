"""The bucket rule and the decision order: the first rule that applies, and nothing about a user is stored.

A key's bucket is fixed by the feature's name and the key alone. Raising a percent only ever adds keys to new, lowering
only removes, and features are independent because the name salts the hash.
"""

from collections.abc import Callable
from typing import Final

from xxhash import xxh64_intdigest

from gateway.config.schema import NoKey
from gateway.model import Decision, Reason, Side
from gateway.rules.keys import Key
from gateway.rules.policy import FeaturePolicy, KeyList

BUCKETS: Final = 10_000
"""Always 10000, so that weights are basis points and an Envoy fleet's `weighted_clusters` agrees."""


def bucket(feature: str, key: bytes) -> int:
    """0..9999: xxh64(feature ":" key, seed 0) mod 10000."""
    return xxh64_intdigest(b"%b:%b" % (feature.encode(), key)) % BUCKETS


def decide(
    policy: FeaturePolicy,
    *,
    key: Key | None,
    no_key: NoKey,
    upstreams: tuple[str, str],
    read: Callable[[str], bytes | None],
    diverted: bool = False,
    override: Side | None = None,
) -> Decision:
    """The side for one request of a feature, and why.

    policy: what this worker holds of the feature now. key: what identified the user, None without any.
    upstreams: the names of legacy's and new's upstream. read: the request's value of a key source by its text
    (`cookie:plan`), for list entries written as `source=value`. diverted: new is known to be down, and the feature's
    users go to legacy meanwhile. override: the side that a tester's valid token chooses.
    """
    side, reason, number = _first_that_applies(policy, key, no_key, read, diverted=diverted, override=override)
    return Decision(
        feature=policy.name,
        side=side,
        reason=reason,
        upstream=upstreams[0] if side is Side.LEGACY else upstreams[1],
        bucket=number,
        issue_cookie=reason is Reason.SPLIT and key is not None and key.issued,
    )


def _first_that_applies(
    policy: FeaturePolicy,
    key: Key | None,
    no_key: NoKey,
    read: Callable[[str], bytes | None],
    *,
    diverted: bool,
    override: Side | None,
) -> tuple[Side, Reason, int | None]:
    if policy.retired:
        return Side.NEW, Reason.RETIRED, None
    if policy.killed:
        return Side.LEGACY, Reason.KILLED, None
    if policy.unknown:
        return Side.LEGACY, Reason.UNKNOWN, None
    if diverted:
        return Side.LEGACY, Reason.UNHEALTHY, None
    if override is not None:
        return override, Reason.OVERRIDE, None
    if is_listed(policy.deny, key, read):
        return Side.LEGACY, Reason.DENIED, None
    if is_listed(policy.allow, key, read):
        return Side.NEW, Reason.ALLOWED, None
    if key is None:
        return (Side.NEW if no_key is NoKey.NEW else Side.LEGACY), Reason.NO_KEY, None
    number = bucket(policy.name, key.value)
    return (Side.NEW if number < policy.basis_points else Side.LEGACY), Reason.SPLIT, number


def is_listed(entries: KeyList, key: Key | None, read: Callable[[str], bytes | None]) -> bool:
    """Whether the key, or another source of the request that an entry names, is on a list."""
    if entries.exact and key is not None and key.value in entries.exact:
        return True
    return any(read(source) in values for source, values in entries.by_source)
