"""A gateway whose one feature is shadowed, and services that say what a test wants."""

import json

from tests.support.proxy_harness import two

USER = "x-user: a"
TARGET = "/api/auth/x?y=1"


def shadowed(old, new, *, percent=0, feature="", route="", top=""):
    """A file whose feature is shadowed whole."""
    fields = ", ".join(filter(None, ["key: ['header:x-user']", "shadow_percent: 100", feature]))
    text = two(old, new, percent=percent, feature=fields, top=top)
    return text.replace("feature: auth}", f"feature: auth{route}}}")


def saying(*replies):
    """A script: these replies in turn, the last one again and again, on whatever connection."""
    left = list(replies)

    async def script(peer):
        while await peer.request():
            await peer.send(left.pop(0) if len(left) > 1 else left[0])

    return script


def json_reply(value, *lines, status=200, content_type="application/json"):
    return raw_reply(json.dumps(value).encode(), f"content-type: {content_type}", *lines, status=status)


def raw_reply(body, *lines, status=200):
    head = "".join(f"{line}\r\n" for line in [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *lines])
    return head.encode() + b"\r\n" + body
