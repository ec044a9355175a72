"""What the client is told: the upstream's reply with our fields, or a problem document."""

import time
from email.utils import formatdate
from typing import Final

from gateway.errors import GatewayError
from gateway.exchange import Exchange
from gateway.rules import cookies, cors, headers, max_forwards, problem
from gateway.rules.rewrite import PathRewrite, location_back
from gateway.rules.target import ALLOW
from gateway.upstream.api import UpstreamResponse

_LOCATIONS: Final = frozenset((b"location", b"content-location"))


def reply_fields(exchange: Exchange, response: UpstreamResponse) -> headers.Fields:
    """The head of the upstream's reply as the client gets it."""
    fields = headers.forwardable_response(response.headers)
    if response.status == headers.RESET_CONTENT:
        fields.append((b"content-length", b"0"))
    elif response.content_length is not None and response.status not in headers.UNFRAMED:
        fields.append((b"content-length", b"%d" % response.content_length))
    dated = located = False
    for name, _ in fields:
        dated = dated or name == b"date"
        located = located or name in _LOCATIONS
    if located or exchange.rewrite is not None:
        fields = _rewritten_back(exchange, fields)
    if exchange.decision is not None and exchange.decision.issue_cookie:
        fields += _issued_cookie(exchange, response.status, fields)
    if not dated:
        fields.append((b"date", http_date(time.time())))
    if exchange.cors is not None:
        fields = cors.applied(exchange.cors, fields, cors.origin_of(exchange.fields))
    return fields + _own_fields(exchange)


def own_answer(exchange: Exchange) -> tuple[int, headers.Fields] | None:
    """Status and head of what the gateway answers by itself, without a body: a preflight, and an OPTIONS that may not
    go on. For matched requests whose method is one of `LIMITED`. Raises ClientError 400 and 405.
    """
    date = (b"date", http_date(time.time()))
    if exchange.is_preflight and exchange.cors is not None:
        granted = cors.preflight_fields(exchange.cors, cors.origin_of(exchange.fields))
        return 204, [date, *granted, *_own_fields(exchange)]
    if not max_forwards.ends_here(exchange.method, exchange.fields):
        return None
    fields = [(b"allow", ALLOW), (b"content-length", b"0"), date]
    if exchange.cors is not None:
        fields = cors.applied(exchange.cors, fields, cors.origin_of(exchange.fields))
    return 200, fields + _own_fields(exchange)


def problem_reply(exchange: Exchange, error: GatewayError) -> tuple[headers.Fields, bytes]:
    """The head and the body for a request that failed."""
    document = problem.problem_document(error, exchange.request_id)
    fields = [
        (b"content-type", problem.CONTENT_TYPE),
        (b"content-length", b"%d" % len(document)),
        (b"cache-control", b"no-store"),
        (b"date", http_date(time.time())),
        *_own_fields(exchange),
    ]
    if error.status == 503:
        fields.append((b"retry-after", b"%d" % error.retry_after))
    elif error.status == 413 and exchange.http_version.startswith("1"):  # nobody will take the rest
        fields.append((b"connection", b"close"))
    if exchange.cors is not None:
        fields = cors.applied(exchange.cors, fields, cors.origin_of(exchange.fields))
    return fields, b"" if exchange.method == b"HEAD" else document


def is_reset_with_body(response: UpstreamResponse) -> bool:
    """Whether what follows the head is not for the client: a 205 has no body (RFC 9110 section 15.3.6)."""
    return response.status == headers.RESET_CONTENT and response.content_length != 0


def is_event_stream(fields: headers.Fields) -> bool:
    """Whether a reply is one that does not end by itself."""
    return (headers.first(fields, b"content-type") or b"").lower().startswith(b"text/event-stream")


def _rewritten_back(exchange: Exchange, fields: headers.Fields) -> headers.Fields:
    assert exchange.decision is not None  # noqa: S101 - a reply was decided on
    return rewritten_back(exchange, fields, exchange.rewrite, exchange.decision.upstream)


def rewritten_back(
    exchange: Exchange, fields: headers.Fields, rewrite: PathRewrite | None, upstream: str
) -> headers.Fields:
    """Locations and paths of cookies as the client knows them; of any upstream's reply to its request."""
    origins = exchange.plan.upstreams[upstream].origins
    scheme, host = exchange.client_origin
    changed = []
    for name, value in fields:
        if name in (b"location", b"content-location"):
            there = location_back(value, rewrite, upstream_origins=origins, scheme=scheme.encode(), host=host)
            changed.append((name, there))
        elif name == b"set-cookie" and rewrite is not None:
            changed.append((name, rewrite.cookie_back(value)))
        else:
            changed.append((name, value))
    return changed


def _issued_cookie(exchange: Exchange, status: int, fields: headers.Fields) -> headers.Fields:
    """The cookie of a user who had no key, unless a shared cache could give it to another."""
    key = exchange.key
    if key is None or cookies.may_be_stored_by_shared_caches(exchange.method, status, fields):
        return []
    secure = exchange.client_origin[0] == "https"
    issued = [(b"set-cookie", cookies.issued_cookie(key.source.name, key.value, secure=secure))]
    if not cookies.is_private(fields):
        issued.append((b"cache-control", b"private"))
    return issued


def _own_fields(exchange: Exchange) -> headers.Fields:
    fields = [(b"x-request-id", exchange.request_id)]
    if exchange.plan.expose_decision and exchange.decision is not None:
        fields += [
            (b"x-gateway-feature", exchange.decision.feature.encode()),
            (b"x-gateway-side", exchange.decision.side.encode()),
            (b"x-gateway-reason", exchange.decision.reason.encode()),
        ]
    return fields


_date: tuple[int, bytes] = (0, b"")


def http_date(now: float) -> bytes:
    """The Date field (RFC 9110 section 5.6.7), formatted once a second."""
    global _date  # noqa: PLW0603 - a cache of one value
    second = int(now)
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True).encode("ascii"))
    return _date[1]
