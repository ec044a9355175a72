"""PREPARE: the request that goes to an upstream, a fresh value made from what came in."""

from collections.abc import Callable
from typing import Final

from gateway.body import RequestBody
from gateway.config.schema import EncodedSlash
from gateway.exchange import Exchange
from gateway.model import Side
from gateway.rules import headers, trace
from gateway.rules.conditional import OF_A_COPY
from gateway.rules.max_forwards import LIMITED, one_less
from gateway.rules.override import without_override
from gateway.rules.plan import UpstreamPlan
from gateway.rules.rewrite import PathRewrite
from gateway.upstream.api import OutboundRequest

SHADOW: Final = (b"x-gateway-shadow", b"1")
"""What a copy says of itself. A client's own field of this name never goes on."""


def outbound_request(
    exchange: Exchange, upstream: UpstreamPlan, body: RequestBody, *, fresh: bytes, admit: Callable[[], None] | None
) -> OutboundRequest:
    """For `Proxy`, once for each attempt. fresh: 24 random bytes."""
    return OutboundRequest(
        method=exchange.method,
        target=_path(exchange, exchange.rewrite) + exchange.query,
        headers=_fields(exchange, upstream, fresh),
        body=body.whole if body.complete else body.stream(),
        content_length=body.content_length,
        expects_continue=body.expecting,
        is_stream=exchange.is_stream,
        admit=admit,
    )


def shadow_request(exchange: Exchange, side: Side, body: bytes, *, fresh: bytes) -> OutboundRequest:
    """The same request for either side of its feature, with a field that says what it is. What a client asks of its own
    copy (RFC 9110 section 13.1) is left out where all of the answer is wanted: each side has names of its own for
    that. fresh: 24 random bytes.
    """
    feature = exchange.feature_plan
    assert feature is not None  # noqa: S101 - a copy is made of a feature's requests alone
    place = 1 if side is Side.NEW else 0
    upstream = exchange.plan.upstreams[feature.upstreams[place]]
    return OutboundRequest(
        method=exchange.method,
        target=_path(exchange, feature.rewrites[place]) + exchange.query,
        headers=[field for field in _fields(exchange, upstream, fresh) if field[0] not in OF_A_COPY] + [SHADOW],
        body=body or None,
        content_length=len(body) if body else None,
    )


def _path(exchange: Exchange, rewrite: PathRewrite | None) -> bytes:
    if rewrite is None:
        return exchange.raw_path
    separator = exchange.plan.routes.encoded_slash is EncodedSlash.SEPARATOR
    return rewrite.forward(exchange.raw_path, decode_slash=separator)


def _fields(exchange: Exchange, upstream: UpstreamPlan, fresh: bytes) -> headers.Fields:
    host = exchange.host if upstream.keeps_host and exchange.host else upstream.authority
    fields = [(b"host", host)]
    passing = without_override(exchange.fields) if b"cookie" in exchange.named else exchange.fields
    fields += headers.forwardable_request(passing, exchange.named, trusted=exchange.trusted)
    if exchange.method in LIMITED and b"max-forwards" in exchange.named:
        fields = one_less(fields)
    fields += headers.forwarding_fields(
        exchange.fields,
        peer=exchange.peer,
        scheme=exchange.scheme,
        host=exchange.host,
        trusted=exchange.trusted,
        version=exchange.http_version,
    )
    fields.append((b"x-request-id", exchange.request_id))
    given = exchange.named.get(b"traceparent")
    if given is not None and trace.is_traceparent(given):
        fields.append((b"traceparent", given))
        return fields
    if b"tracestate" in exchange.named:  # it belongs to the trace that is not continued
        fields = [field for field in fields if field[0] != b"tracestate"]
    fields.append((b"traceparent", trace.new_traceparent(fresh)))
    return fields
