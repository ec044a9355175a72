"""Whether a request would be sent to the other side as well, in words: for `gateway explain`."""

from collections.abc import Mapping

from gateway.model import NONE, Decision, Side
from gateway.percent import format_percent
from gateway.rules.plan import FeaturePlan, Target
from gateway.rules.policy import FeaturePolicy


def explain_shadow(
    target: Target,
    feature: FeaturePlan,
    policy: FeaturePolicy,
    decision: Decision,
    *,
    method: bytes,
    is_upgrade: bool,
    down: Mapping[str, str],
) -> dict[str, object]:
    """percent: of such requests, by the feature; sample: of those, by the route. why_not: None where it may be."""
    other = Side.NEW if decision.side is Side.LEGACY else Side.LEGACY
    upstream = feature.upstreams[1] if other is Side.NEW else feature.upstreams[0]
    why_not = _not_on_this_route(target, feature, method, is_upgrade=is_upgrade)
    if why_not is None:
        why_not = _not_now(policy, other)
    if why_not is None and upstream in down:
        why_not = f"{upstream} is known to be down: {down[upstream]}"
    return {
        "percent": format_percent(policy.shadow),
        "source": policy.shadow_source,
        "sample": format_percent(target.shadow.sample) if target.shadow is not None else None,
        "sent_to": other if why_not is None else None,
        "why_not": why_not,
    }


def _not_on_this_route(target: Target, feature: FeaturePlan, method: bytes, *, is_upgrade: bool) -> str | None:
    if feature.retired:
        return "the feature is retired: there is no legacy to compare with"
    if is_upgrade:
        return "a WebSocket never is"
    if target.shadow is None:
        if target.route.shadow.is_off:
            return "the route says shadow: false"
        return "the route is a stream" if target.route.stream else "the route takes none of its shadow methods"
    if method not in target.shadow.methods:
        return f"{method.decode('latin-1')} is none of the route's shadow methods: {_methods(target.shadow.methods)}"
    return "the route's sample is 0 %" if target.shadow.sample == NONE else None


def _methods(methods: frozenset[bytes]) -> str:
    return ", ".join(sorted(method.decode() for method in methods))


def _not_now(policy: FeaturePolicy, other: Side) -> str | None:
    if policy.unknown:
        return "the flag has never been read well"
    if policy.shadow == NONE:
        return "the feature's shadow_percent is 0"
    return "nothing is sent to new while the feature is killed" if policy.killed and other is Side.NEW else None
