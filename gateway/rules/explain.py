"""`gateway explain`: how one request would be served and why, by the functions that serve requests."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from gateway.config.schema import NoKey
from gateway.errors import ClientError
from gateway.model import ALL, NONE, Decision, Reason, Side
from gateway.percent import format_percent
from gateway.rules.assign import choose_side, find_target, find_target_of_preflight
from gateway.rules.fallback import may_go_twice
from gateway.rules.headers import by_name, client_address
from gateway.rules.keys import Fields, Key, KeySource
from gateway.rules.override import find_override
from gateway.rules.plan import FeaturePlan, Plan
from gateway.rules.policy import FeaturePolicy
from gateway.rules.route_table import Match
from gateway.rules.routing import Router
from gateway.rules.shadowing import explain_shadow
from gateway.rules.split import bucket
from gateway.rules.stage import stage_of

WOULD_BE_ISSUED = b"(a new random one)"
NOTHING_DOWN: Mapping[str, str] = MappingProxyType({})
EITHER = "legacy or new"
"""The side of a request that is given a random key."""


def explain(
    plan: Plan,
    policies: Mapping[str, FeaturePolicy],
    *,
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    client_ip: str,
    down: Mapping[str, str] = NOTHING_DOWN,
    override_key: bytes | None = None,
    now: float = 0.0,
) -> dict[str, object]:
    """The route and why it won, the key and where it came from, the bucket, the flag and its source, the side and the
    reason. Raises ValueError for a URL or header that no request could have.

    down: the upstreams that are known to be down now, and why. override_key, now: what tokens are judged by.
    """
    host, raw_path = _split(url)
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if all(name != b"host" for name, _ in fields):
        fields = [(b"host", host), *fields]
    host = next(value for name, value in fields if name == b"host")
    verb = method.upper().encode("ascii")
    answer: dict[str, object] = {
        "request": {"method": verb.decode(), "host": host.decode("latin-1"), "path": raw_path.decode("latin-1")},
        "config_sha256": plan.sha256,
        "routing": _routing(plan.router, host=host, path=raw_path, method=verb, fields=fields),
    }
    named = by_name(fields)
    if verb == b"OPTIONS" and find_target_of_preflight(plan, raw_path=raw_path, fields=fields, named=named) is not None:
        return answer | {"status": 204, "problem": "the gateway answers this CORS preflight itself"}
    try:
        target = find_target(plan, method=verb, raw_path=raw_path, fields=fields, named=named)
    except ClientError as error:
        return answer | {"status": error.status, "problem": error.detail}
    answer["route"] = target.route.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if target.feature is None:
        return answer | {
            "side": Side.FIXED,
            "reason": Reason.ROUTE,
            "upstream": target.upstream,
            "down": _among(down, target.upstream),
        }
    address = client_address(client_ip, fields, plan.trusted)
    feature = target.feature
    override = find_override(fields, override_key, feature=feature.name, now=now) if feature.override else None
    goes_twice = may_go_twice(verb, idempotent_too=target.fallback_idempotent)
    policy = policies[feature.name]
    decided, decision = _decided(feature, policy, fields, address, down, goes_twice=goes_twice, override=override)
    shadow = explain_shadow(target, feature, policy, decision, method=verb, is_upgrade=b"upgrade" in named, down=down)
    if decided["side"] == EITHER and shadow["sent_to"] is not None:
        shadow["sent_to"] = EITHER
    return answer | decided | {"shadow": shadow}


def _decided(
    feature: FeaturePlan,
    policy: FeaturePolicy,
    fields: Fields,
    client_ip: str,
    down: Mapping[str, str],
    *,
    goes_twice: bool,
    override: Side | None,
) -> tuple[dict[str, object], Decision]:
    key, decision = choose_side(
        feature,
        policy,
        fields=fields,
        client_ip=client_ip,
        known=None,
        fresh_key=_fresh_key,
        diverted=feature.diverts and feature.upstreams[1] in down,
        override=override,
    )
    if key is not None and key.issued and not decision.issue_cookie:
        key = None
    either = decision.issue_cookie and NONE < policy.basis_points < ALL
    answer: dict[str, object] = {
        "feature": feature.name,
        "stage": stage_of(policy),
        "key": _key(feature, key),
        "bucket": bucket(feature.name, key.value) if key is not None and not key.issued else None,
        "percent": format_percent(policy.basis_points),
        "percent_source": policy.percent_source,
        "hidden": [{"source": source, "percent": format_percent(points)} for source, points in policy.hidden],
        "killed_by": list(policy.kill_sources),
        "held": policy.held,
        "side": EITHER if either else decision.side,
        "reason": decision.reason,
        "why": _why(feature, policy, key, decision, down),
        "down": _among(down, *feature.upstreams),
        "fallback": feature.fallback is not None and decision.side is Side.NEW and goes_twice,
        "upstream": " or ".join(feature.upstreams) if either else decision.upstream,
    }
    return answer, decision


def _among(down: Mapping[str, str], *upstreams: str) -> dict[str, str]:
    return {name: down[name] for name in upstreams if name in down}


def _key(feature: FeaturePlan, key: Key | None) -> dict[str, object] | None:
    if key is None:
        return None
    value = None if key.issued else key.value.decode("utf-8", "backslashreplace")
    return {"source": str(key.source), "value": value, "issued": key.issued, "tried": [str(s) for s in feature.sources]}


def _why(
    feature: FeaturePlan, policy: FeaturePolicy, key: Key | None, decision: Decision, down: Mapping[str, str]
) -> str:
    """One sentence for a person."""
    if decision.reason is Reason.RETIRED:
        return "the feature is retired: routes.yaml names no legacy for it"
    if decision.reason is Reason.KILLED:
        return f"killed by {' and '.join(policy.kill_sources)}"
    if decision.reason is Reason.UNKNOWN:
        return "the flag has never been read well, so nothing goes to new"
    if decision.reason is Reason.UNHEALTHY:
        return f"new's upstream {feature.upstreams[1]} is known to be down: {down[feature.upstreams[1]]}"
    if decision.reason is Reason.OVERRIDE:
        return "a tester's token, valid for this feature, says so"
    if decision.reason in (Reason.DENIED, Reason.ALLOWED):
        return f"on the {'deny' if decision.reason is Reason.DENIED else 'allow'} list"
    tried = ", ".join(str(source) for source in feature.sources)
    if decision.reason is Reason.NO_KEY:
        where = "new" if feature.no_key is NoKey.NEW else "legacy"
        return f"none of {tried} is present, and no_key says {where}"
    if key is not None and key.issued:
        return f"none of {tried} is present: a cookie is issued, and its random bucket decides"
    relation = "below" if decision.side is Side.NEW else "not below"
    return f"bucket {decision.bucket} is {relation} {policy.basis_points} ({format_percent(policy.basis_points)} %)"


def _routing(router: Router, *, host: bytes, path: bytes, method: bytes, fields: Fields) -> dict[str, object]:
    found = router.explain(host=host, path=path, method=method, headers=fields)
    return {
        "readings": [way.decode("utf-8", "backslashreplace") for way in found.readings],
        "winner": _place(found.result) if isinstance(found.result, Match) else None,
        "lost": [{"route": _place(lost.match), "by": lost.rule} for lost in found.lost],
        "missed": [{"route": _place(missed.match), "for": list(missed.failed)} for missed in found.missed],
    }


def _place(match: Match) -> str:
    return f"routes[{match.index}] {match.route.path}"


def _split(url: str) -> tuple[bytes, bytes]:
    """Host and raw path of a URL, or of a bare path."""
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError(f"{url!r} has characters that must be percent-encoded")
    if url.startswith("/"):
        return b"", url.partition("#")[0].partition("?")[0].encode()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"{url!r} is no URL; write http://host/path or /path")
    return parts.netloc.rpartition("@")[2].encode(), (parts.path or "/").encode()


def _fresh_key(source: KeySource) -> Key:
    return Key(source, WOULD_BE_ISSUED, issued=True)
