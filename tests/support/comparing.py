"""Finished comparisons as the data plane hands them to a ledger."""

import time

import orjson

from gateway.model import BasisPoints, ShadowOutcome, Side
from gateway.rules.compare import Difference, Kind
from gateway.rules.compared import Asked, Compared
from gateway.rules.json_path import parse_path
from gateway.rules.plan import ShadowPlan
from gateway.rules.replies import Reply, ReplyRules, compare_replies

ROUTE = "/api/v1/things/*"
JSON = ("content-type", "application/json")


def shadow_plan(*, redact=(), redact_headers=(), route=ROUTE):
    return ShadowPlan(
        methods=frozenset((b"GET",)),
        sample=BasisPoints(10_000),
        noise=BasisPoints(0),
        rules=ReplyRules(),
        redact=tuple(map(parse_path, redact)),
        redact_headers=frozenset(redact_headers),
        route=route,
    )


def reply(content, *, status=200, headers=(JSON,)):
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Reply(status, headers, body)


def compared(
    legacy,
    new,
    *,
    feature="auth",
    route=ROUTE,
    outcome=ShadowOutcome.MISMATCH,
    when=None,
    asked=None,
    request_id="req-1",
):
    """legacy, new: replies, or what their JSON bodies say."""
    one, other = (each if isinstance(each, Reply) else reply(each) for each in (legacy, new))
    return Compared(
        feature=feature,
        route=route,
        outcome=outcome,
        answered=Side.LEGACY,
        request_id=request_id,
        when=time.time() if when is None else when,
        asked=asked or Asked("GET", "/api/v1/things/7?page=1", (("accept", "*/*"),), b""),
        legacy=one,
        new=other,
        differences=compare_replies(one, other, ReplyRules()),
        legacy_seconds=0.012,
        new_seconds=0.034,
    )


def difference(path="$.a", legacy="x", new="y", kind=Kind.VALUE):
    return Difference(kind, path, legacy, new)
