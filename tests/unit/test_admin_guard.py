"""Bodies of the admin port: JSON, bounded in bytes and in time."""

import anyio
import pytest
from starlette.requests import Request

from gateway import admin_guard
from gateway.admin_guard import MAX_BODY_BYTES, read_json
from gateway.errors import ClientError

JSON = [(b"content-type", b"application/json")]


def request(*messages, headers=JSON):
    waiting = list(messages)

    async def receive():
        if not waiting:
            await anyio.sleep_forever()
        return waiting.pop(0)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def piece(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


async def status(asked):
    with pytest.raises(ClientError) as caught:
        await read_json(asked)
    return caught.value.status


async def test_a_body_is_read_whole():
    headers = [(b"content-type", b"Application/JSON; charset=utf-8")]
    assert await read_json(request(piece(b"{"), piece(b"}", more=False), headers=headers)) == b"{}"


async def test_a_body_that_trickles_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(admin_guard, "BODY_SECONDS", 0.01)
    assert await status(request(piece(b"{"))) == 408


async def test_a_body_that_is_too_large_is_not_read_to_its_end():
    assert await status(request(piece(b"x" * MAX_BODY_BYTES), piece(b"x"))) == 413
    announced = (b"content-length", b"%d" % (MAX_BODY_BYTES + 1))
    assert await status(request(headers=[*JSON, announced])) == 413


@pytest.mark.parametrize("kind", [None, b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonp"])
async def test_what_does_not_say_that_it_is_json_is_refused_unread(kind):
    headers = [] if kind is None else [(b"content-type", kind)]
    assert await status(request(headers=headers)) == 415


async def test_a_client_that_leaves_is_nobody_s_fault():
    assert await status(request(piece(b"{"), {"type": "http.disconnect"})) == 499
