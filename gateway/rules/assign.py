"""Match and decide, as the proxy does for a request and `gateway explain` for a question: the same two functions."""

from collections.abc import Callable

from gateway.config.schema import NoKey
from gateway.errors import ClientError
from gateway.model import Decision, Side
from gateway.rules.cors import asked_method
from gateway.rules.headers import is_host
from gateway.rules.keys import Fields, Key, KeySource, identify, parse_source, read_source
from gateway.rules.plan import FeaturePlan, Plan, Target
from gateway.rules.policy import FeaturePolicy
from gateway.rules.routing import Ambiguous
from gateway.rules.split import decide
from gateway.rules.target import SERVED, is_misspelt, no_such_method
from gateway.rules.upgrade import check_upgrade


def find_target(plan: Plan, *, method: bytes, raw_path: bytes, fields: Fields, named: dict[bytes, bytes]) -> Target:
    """Where a request leads. named: the first value of each field.

    Raises ClientError: 404 where no route matches, 400 where the path can be read as belonging to two routes, the
    Host is no host (RFC 9112 section 3.2), or an upgrade to WebSocket is asked for in a way that cannot be one; 501
    for an upgrade to anything else, and for a method that some route names in another case: to an upstream that folds
    case it would be that one, on a route that is not that one's.
    """
    host = named.get(b"host", b"")
    repeated = len(named) < len(fields) and len([name for name, _ in fields if name == b"host"]) > 1
    if repeated or not is_host(host):
        raise ClientError(400, "Bad request", "the Host is not one valid host")
    if method not in SERVED and is_misspelt(method, plan.methods):
        raise no_such_method()
    found = plan.router.match(host=host, path=raw_path, method=method, headers=fields)
    if found is None:
        raise ClientError(404, "No such route", "no route of this gateway matches the request")
    if isinstance(found, Ambiguous):
        raise ClientError(
            400,
            "Ambiguous path",
            "the path can be read in two ways that lead to different routes; send slashes and dots plainly",
        )
    if b"upgrade" in named:
        check_upgrade(method, fields)
    return plan.targets[found.index]


def find_target_of_preflight(
    plan: Plan, *, raw_path: bytes, fields: Fields, named: dict[bytes, bytes]
) -> Target | None:
    """Where the request leads that an OPTIONS is the CORS preflight of, if CORS is on there. None: it is none, or is to
    be served as any other OPTIONS.
    """
    asked = asked_method(named)
    if asked is None:
        return None
    try:
        target = find_target(plan, method=asked, raw_path=raw_path, fields=fields, named=named)
    except ClientError:
        return None
    return target if target.cors is not None else None


def choose_side(
    feature: FeaturePlan,
    policy: FeaturePolicy,
    *,
    fields: Fields,
    client_ip: str,
    known: Key | None,
    fresh_key: Callable[[KeySource], Key],
    diverted: bool = False,
    override: Side | None = None,
) -> tuple[Key | None, Decision]:
    """The key and the decision for one request of a feature.

    known: the key found before, where this is a second decision on the same request. fresh_key: makes the key of a
    request that has none, where the feature issues a cookie. diverted: new is down and legacy serves its users.
    override: what a tester's token says.
    """
    key = known or identify(feature.sources, fields, client_ip)
    if key is None and feature.no_key is NoKey.ISSUE:
        key = fresh_key(KeySource("cookie", feature.cookie))
    decision = decide(
        policy,
        key=key,
        no_key=feature.no_key,
        upstreams=feature.upstreams,
        read=lambda text: read_source(parse_source(text), fields, client_ip),
        diverted=diverted,
        override=override,
    )
    return key, decision
