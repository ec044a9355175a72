"""Failures as RFC 9457 problem documents, with the request id to find the log line by."""

import orjson

from gateway.errors import GatewayError

CONTENT_TYPE = b"application/problem+json"


def problem_document(error: GatewayError, request_id: bytes) -> bytes:
    """The body for a failed request: title, status, detail and request_id; `type` is about:blank's default."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "request_id": request_id.decode("ascii"),
        },
    )
