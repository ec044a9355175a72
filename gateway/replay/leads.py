"""Where a recorded request leads: to which feature, by which rules, with which path on either side.

With a routes.yaml the gateway's own matching tells (`compile_plan`, `find_target`), so that a request is compared as
its shadow would be. Without one everything is one feature.
"""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from gateway.config.comparison import NO_RULES, Compare
from gateway.config.schema import EncodedSlash
from gateway.errors import ClientError
from gateway.model import ALL, NONE
from gateway.replay.left_out import LeftOut
from gateway.replay.record import Recorded
from gateway.rules.assign import find_target
from gateway.rules.headers import by_name
from gateway.rules.place_names import looks_like_an_id
from gateway.rules.plan import Plan, ShadowPlan, Target
from gateway.rules.replies import ReplyRules
from gateway.rules.reply_rules import headers_of, paths_of, reply_rules
from gateway.rules.rewrite import PathRewrite
from gateway.rules.secrecy import without_shapes
from gateway.rules.secret_values import hidden_said

ONE_FEATURE: Final = "replay"


@dataclass(frozen=True, slots=True)
class Lead:
    """plan: rules, redaction and the route's label. rewrites, keeps_host: legacy's and new's. decode_slash: as
    `encoded_slash: separator` has it.
    """

    feature: str
    plan: ShadowPlan
    rewrites: tuple[PathRewrite | None, PathRewrite | None] = (None, None)
    keeps_host: tuple[bool, bool] = (True, True)
    decode_slash: bool = False


class OneFeature:
    """Without a routes.yaml. ignore: places that are not compared."""

    def __init__(self, ignore: tuple[str, ...] = ()) -> None:
        self._rules = reply_rules(Compare(ignore=ignore), NO_RULES)

    def __call__(self, recorded: Recorded) -> Lead:
        return Lead(ONE_FEATURE, bare_plan(self._rules, label_of(recorded.path)))


class ByRoutes:
    """By the routes of one file. extra: fields that go with each request, by which routes may match too."""

    def __init__(
        self, plan: Plan, *, ignore: tuple[str, ...] = (), extra: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self._plan = plan
        self._extra = extra
        leads = {id(target): self._lead(target) for target in plan.targets}
        self._leads = {
            key: _with_ignored(each, ignore) if isinstance(each, Lead) else each for key, each in leads.items()
        }

    def __call__(self, recorded: Recorded) -> Lead | LeftOut:
        fields = sent_fields(recorded, self._extra)
        try:
            target = find_target(
                self._plan, method=recorded.method, raw_path=recorded.path, fields=fields, named=by_name(fields)
            )
        except ClientError:  # no route, or one that cannot be told: the gateway would have answered itself
            return LeftOut.NO_FEATURE
        return self._leads[id(target)]

    def _lead(self, target: Target) -> Lead | LeftOut:
        feature = target.feature
        if feature is None:
            return LeftOut.NO_FEATURE
        if feature.retired:
            return LeftOut.RETIRED
        if target.route.shadow.is_off:
            return LeftOut.SHADOW_OFF
        if target.stream and "shadow" not in target.route.model_fields_set:
            return LeftOut.STREAM
        upstreams = (self._plan.upstreams[feature.upstreams[0]], self._plan.upstreams[feature.upstreams[1]])
        return Lead(
            feature=feature.name,
            plan=target.shadow or self._shadow(target, feature.name),
            rewrites=feature.rewrites,
            keeps_host=(upstreams[0].keeps_host, upstreams[1].keeps_host),
            decode_slash=self._plan.routes.encoded_slash is EncodedSlash.SEPARATOR,
        )

    def _shadow(self, target: Target, name: str) -> ShadowPlan:
        """Of a route that takes none of its shadow methods; here `--methods` says which are sent."""
        near, wide = target.route.compare, self._plan.routes.features[name].compare
        redact = [*near.redact, *wide.redact]
        label = f"{target.route.host or ''}{target.route.path}"
        plan = bare_plan(reply_rules(near, wide), label)
        return replace(plan, redact=paths_of(redact), redact_headers=headers_of(redact))


def sent_fields(recorded: Recorded, extra: tuple[tuple[bytes, bytes], ...]) -> list[tuple[bytes, bytes]]:
    """All that goes on the wire but framing, with the Host where one is known. extra: takes the place of what was
    recorded under the same name.
    """
    names = {name for name, _ in extra}
    host = [(b"host", recorded.host)] if recorded.host else []
    return [*(field for field in (*host, *recorded.fields) if field[0] not in names), *extra]


def bare_plan(rules: ReplyRules, label: str) -> ShadowPlan:
    """Rules alone: what else a plan says is asked by nobody here."""
    return ShadowPlan(
        methods=frozenset(),
        sample=ALL,
        noise=NONE,
        rules=rules,
        redact=(),
        redact_headers=frozenset(),
        route=label,
    )


def label_of(path: bytes) -> str:
    """`/users/*/orders`: a path without what names one thing of many, so that differences of one kind come together.
    Without secrets, for it is told in reports.
    """
    return "/".join(map(_label_of_segment, path.decode("utf-8", "replace").split("/")))


def _label_of_segment(segment: str) -> str:
    if not segment:
        return segment
    plain = unquote(segment)
    if (hidden := without_shapes(hidden_said(plain))) != plain:
        segment = hidden
    return "*" if looks_like_an_id(segment) else segment


def _with_ignored(lead: Lead, ignore: tuple[str, ...]) -> Lead:
    rules = lead.plan.rules
    body = replace(rules.body, ignore=(*paths_of([*ignore]), *rules.body.ignore))
    rules = replace(rules, body=body, ignore_headers=rules.ignore_headers | headers_of([*ignore]))
    return replace(lead, plan=replace(lead.plan, rules=rules))
