"""Opening a WebSocket through the gateway (RFC 6455, 4), and how these cases make and read frames."""

import struct

from tests.support.wire_cases import MUST, SAFE, Case
from tests.support.wire_client import Drip
from tests.support.wire_origin import CLOSE, HOLD, RESET, UPGRADE, Upgrade, accept_for
from tests.support.wire_rules import both, declined, either, refused, served

GATEWAY = {"keys": "websocket: {max_message_bytes: 70000}"}

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

MASK = b"\x01\x02\x03\x04"


def frame(op, payload=b"", *, fin=True, masked=True, rsv=0, size=None):
    """One frame; `size` states another length than the payload's."""
    first = (0x80 if fin else 0) | rsv << 4 | op
    length = len(payload) if size is None else size
    bit = 0x80 if masked else 0
    if length < 126:
        head = struct.pack("!BB", first, bit | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def back(op, payload=b"", **more):
    """A frame of a server."""
    return frame(op, payload, masked=False, **more)


def close(code=1000, reason=b""):
    return struct.pack("!H", code) + reason


def frames_in(data):
    """What frames came: (fin, rsv, opcode, payload, masked), and whether something is left over."""
    found, at = [], 0
    while len(data) - at >= 2:
        first, second = data[at], data[at + 1]
        length, start = second & 127, at + 2
        if length == 126:
            length, start = int.from_bytes(data[start : start + 2]), start + 2
        elif length == 127:
            length, start = int.from_bytes(data[start : start + 8]), start + 8
        mask = b""
        if second & 128:
            mask, start = data[start : start + 4], start + 4
        payload = bytes(data[start : start + length])
        if len(payload) < length:
            break
        if mask:
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        found.append((bool(first & 128), first >> 4 & 7, first & 15, payload, bool(mask)))
        at = start + length
    return found, data[at:]


def messages(found):
    """Data messages, put together."""
    whole, kind, pieces = [], 0, b""
    for fin, _, op, payload, _ in found:
        if op in (0, 1, 2):
            kind, pieces = (op or kind), pieces + payload
            if fin:
                whole.append((kind, pieces))
                pieces = b""
    return whole


def closes(found):
    return [payload for _, _, op, payload, _ in found if op == 8]


def handshake(**change):
    """The opening with one header changed (None: left out), in order."""
    fields = {
        "Host": b"{h}",
        "Upgrade": b"websocket",
        "Connection": b"Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": b"13",
    }
    method, version = change.pop("method", b"GET"), change.pop("version", b"HTTP/1.1")
    more = change.pop("more", b"")
    fields.update({name.replace("_", "-"): value for name, value in change.items()})
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields.items() if value is not None)
    return method + b" {p}/ws " + version + b"\r\n" + lines + more + b"\r\n"


HANDSHAKE = handshake()


def opened(seen):
    """101 with the right accept to the client; a right handshake at the origin."""
    if not seen.finals or seen.finals[0].status != 101:
        yield f"{[reply.status for reply in seen.finals]}, not 101"
        return
    reply = seen.finals[0]
    if reply.values(b"sec-websocket-accept") != [accept_for(KEY)]:
        yield f"Sec-WebSocket-Accept {reply.values(b'sec-websocket-accept')}"
    if [v.lower() for v in reply.values(b"upgrade")] != [b"websocket"] or b"upgrade" not in reply.tokens(b"connection"):
        yield f"{reply.fields}"
    request = seen.heard[0]
    if request.values(b"sec-websocket-version") != [b"13"] or len(request.values(b"sec-websocket-key")) != 1:
        yield f"the origin saw {request.fields}"


def not_opened(*statuses):
    """Refused, whether the connection is kept or not; the origin saw no handshake."""
    return either(refused(*statuses), declined(*statuses))


def opening():
    live = (UPGRADE, HOLD)

    def ws(name, rfc, level, raw, expect, **more):
        return Case(
            f"open-{name}", rfc, level, raw, expect, origin=((UPGRADE, back(8, close()), HOLD),), probe=False, **more
        )

    yield ws("good", "6455 4.2", MUST, HANDSHAKE, opened)
    for name, change in {
        "upgrade-case": {"Upgrade": b"WebSocket"},
        "connection-case": {"Connection": b"upgrade"},
        "connection-list": {"Connection": b"keep-alive, Upgrade"},
        "connection-list-tight": {"Connection": b"Upgrade,keep-alive"},
        "origin": {"Origin": b"https://a.test"},
        "cookie": {"Cookie": b"a=b"},
        "dripped": {},
        "extension-offered": {"Sec-WebSocket-Extensions": b"permessage-deflate; client_max_window_bits"},
        "upgrade-list": {"Upgrade": b"websocket, h2c"},
    }.items():
        raw = handshake(**change)
        expect = opened if name != "upgrade-list" else either(opened, not_opened(400, 426, 501))
        yield ws(name, "6455 4.2.1", MUST, Drip(raw) if name == "dripped" else raw, expect)
    bad = not_opened(400)
    for name, change in {
        "no-key": {"Sec-WebSocket-Key": None},
        "key-short": {"Sec-WebSocket-Key": b"c2hvcnQ="},
        "key-empty": {"Sec-WebSocket-Key": b""},
        "key-not-base64": {"Sec-WebSocket-Key": b"!!!!!!!!!!!!!!!!!!!!!!=="},
        "key-long": {"Sec-WebSocket-Key": b"A" * 32},
        "key-twice": {"more": b"Sec-WebSocket-Key: " + KEY + b"\r\n"},
        "key-spaces": {"Sec-WebSocket-Key": b"dGhlIHNhbXBs ZSBub25jZQ=="},
        "key-no-padding": {"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ"},
        "key-list": {"Sec-WebSocket-Key": KEY + b", " + KEY},
    }.items():
        yield ws(name, "6455 4.2.1", MUST, handshake(**change), bad)
    versions = {
        "version-8": b"8",
        "version-0": b"0",
        "version-14": b"14",
        "version-word": b"abc",
        "version-plus": b"+13",
        "version-zeros": b"013",
        "version-list": b"13, 8",
        "version-decimal": b"13.0",
        "version-256": b"269",
    }
    for name, value in versions.items():
        yield ws(
            name,
            "6455 4.2.2",
            MUST,
            handshake(**{"Sec-WebSocket-Version": value}),
            either(both(not_opened(426), tells_13), bad),
        )
    yield ws(
        "version-none",
        "6455 4.2.1",
        MUST,
        handshake(**{"Sec-WebSocket-Version": None}),
        either(both(not_opened(426), tells_13), bad),
    )
    yield ws(
        "version-twice",
        "6455 4.2.1",
        MUST,
        handshake(more=b"Sec-WebSocket-Version: 13\r\n"),
        either(both(not_opened(426), tells_13), bad),
    )
    for method in (b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE"):
        plain = served(lacks=[b"upgrade"])
        yield Case(
            f"open-method-{method.decode()}",
            "6455 4.2.1",
            MUST,
            handshake(method=method),
            either(not_opened(400, 405, 426, 501), plain),
            methods=(method.decode(),),
        )
    yield Case(
        "open-1.0",
        "6455 4.2.1",
        MUST,
        handshake(version=b"HTTP/1.0"),
        either(not_opened(400, 426, 505), served(lacks=[b"upgrade"])),
    )
    yield Case(
        "open-no-connection",
        "9110 7.8",
        MUST,
        handshake(Connection=None),
        either(not_opened(400), served(lacks=[b"upgrade"])),
    )
    yield Case(
        "open-connection-close",
        "9110 7.8",
        MUST,
        handshake(Connection=b"close"),
        either(not_opened(400), served(lacks=[b"upgrade"])),
    )
    yield Case("open-no-upgrade", "9110 7.8", MUST, handshake(Upgrade=None), served(lacks=[b"upgrade"]))
    yield Case(
        "open-upgrade-other",
        "9110 7.8",
        MUST,
        handshake(Upgrade=b"websockets"),
        either(not_opened(400, 501), served(lacks=[b"upgrade"])),
    )
    yield ws(
        "with-body",
        "6455 4.1",
        SAFE,
        handshake(more=b"Content-Length: 3\r\n") + b"abc",
        either(not_opened(400), served(body=b"abc", lacks=[b"upgrade"])),
    )
    yield ws(
        "with-chunks",
        "6455 4.1",
        SAFE,
        handshake(more=b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
        either(not_opened(400), served(lacks=[b"upgrade"])),
    )
    yield ws("no-host", "9112 3.2", MUST, handshake(Host=None), refused(400))
    yield ws("expect", "9110 10.1.1", SAFE, handshake(Expect=b"100-continue"), either(opened, not_opened(400, 417)))
    yield ws(
        "subprotocol-none-chosen",
        "6455 4.2.2",
        MUST,
        handshake(**{"Sec-WebSocket-Protocol": b"chat, superchat"}),
        both(opened, offers(b"chat, superchat")),
    )
    yield Case(
        "open-pipelined-behind-get",
        "9112 9.3.2",
        MUST,
        b"GET {p}/a HTTP/1.1\r\nHost: {h}\r\n\r\n" + HANDSHAKE,
        opened_second,
        answers=2,
        probe=False,
        origin=((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",), live),
    )
    # what an origin may answer: RFC 6455, 4.1
    accept = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    wrong = {
        "accept-wrong": accept + b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        "accept-of-sample": accept + b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "accept-missing": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "accept-empty": accept + b"\r\n\r\n",
        "nonsense": b"evil\r\n\r\n",
        "1.0-101": b"HTTP/1.0 101 Switching Protocols\r\n\r\n",
    }
    for name, raw in wrong.items():
        yield Case(f"origin-{name}", "6455 4.1", MUST, HANDSHAKE, ws_502, origin=((raw, HOLD),))
    ours = {
        "subprotocol": (b"Sec-WebSocket-Protocol: superchat\r\n", both(opened, chosen(b"superchat"))),
        "subprotocol-not-offered": (b"Sec-WebSocket-Protocol: other\r\n", ws_502),
        "subprotocol-two": (b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n", ws_502),
        "extension-unasked": (b"Sec-WebSocket-Extensions: permessage-deflate\r\n", ws_502),
        "fields": (b"X-A: b\r\nSet-Cookie: a=1\r\n", opened),
    }
    for name, (more, expect) in ours.items():
        raw = handshake(**{"Sec-WebSocket-Protocol": b"chat, superchat"})
        yield Case(f"origin-{name}", "6455 4.1", MUST, raw, expect, origin=((Upgrade(more), HOLD),), probe=False)
    yield Case("origin-closes", "6455 4.1", MUST, HANDSHAKE, ws_502, origin=((CLOSE,),))
    yield Case("origin-resets", "6455 4.1", MUST, HANDSHAKE, ws_502, origin=((RESET,),))
    for status in (200, 301, 400, 401, 403, 404, 426, 500, 503):
        raw = b"HTTP/1.1 %d X\r\nContent-Length: 2\r\nX-A: b\r\n\r\nno" % status
        yield Case(
            f"origin-refuses-{status}",
            "6455 4.2.2",
            MUST,
            HANDSHAKE,
            served(status, reply_body=b"no", has=[(b"x-a", b"b")]),
            origin=((raw,),),
            waives=("426 without Upgrade",),
        )
    yield Case(
        "origin-refuses-chunked",
        "6455 4.2.2",
        MUST,
        HANDSHAKE,
        served(403, reply_body=b"no"),
        origin=((b"HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",),),
    )


def offers(value):
    def check(seen):
        if seen.heard and b", ".join(seen.heard[0].values(b"sec-websocket-protocol")) != value:
            yield f"the origin was offered {seen.heard[0].values(b'sec-websocket-protocol')}"
        if seen.finals and seen.finals[0].values(b"sec-websocket-protocol"):
            yield "a subprotocol that nobody chose"

    return check


def opened_second(seen):
    if [reply.status for reply in seen.finals] != [200, 101]:
        yield f"{[reply.status for reply in seen.finals]}"


def chosen(value):
    def check(seen):
        if seen.finals and seen.finals[0].values(b"sec-websocket-protocol") != [value]:
            yield f"the client was told {seen.finals[0].values(b'sec-websocket-protocol')}"

    return check


def tells_13(seen):
    if b"13" not in seen.finals[0].tokens(b"sec-websocket-version"):
        yield "426 without Sec-WebSocket-Version: 13"


def ws_502(seen):
    if [reply.status for reply in seen.finals] != [502]:
        yield f"{[reply.status for reply in seen.finals]}, not 502"


CASES = [*opening()]
