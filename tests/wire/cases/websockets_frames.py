"""Frames, messages and closing, in both directions (RFC 6455, 5, 7 and 8)."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ABORT, ANSWER, ENDED, PASSED, SHUT, SOME, Drip, Pause
from tests.support.wire_origin import CLOSE, HOLD, RESET, UPGRADE
from tests.support.wire_rules import both, either
from tests.wire.cases.websockets import (
    HANDSHAKE,
    MASK,
    back,
    close,
    closes,
    frame,
    frames_in,
    messages,
    not_opened,
    opened,
)


def talk(name, rfc, level, client_frames, expect, *, says=(), then=HOLD):
    """An open WebSocket: the origin says its frames and listens; the client sends when it has the 101."""
    steps = client_frames if isinstance(client_frames, tuple) else (client_frames,)
    return Case(
        f"talk-{name}",
        rfc,
        level,
        (HANDSHAKE, ANSWER, *steps, ENDED),
        both(opened, unmasked, masked, expect),
        origin=((UPGRADE, *says, then),),
        probe=False,
    )


def at_origin(*wanted):
    """The messages that reached the origin."""

    def check(seen):
        found, _ = frames_in(seen.links[0].tail)
        if messages(found) != list(wanted):
            yield f"the origin got {messages(found)!r:.300}, not {wanted!r:.300}"

    return check


def at_client(*wanted):
    def check(seen):
        found, _ = frames_in(seen.rest)
        if messages(found) != list(wanted):
            yield f"the client got {messages(found)!r:.300}, not {wanted!r:.300}"

    return check


def client_closed(*codes):
    """The client was sent a Close with one of these codes, and nothing after it."""

    def check(seen):
        found, left = frames_in(seen.rest)
        got = [int.from_bytes(payload[:2]) if payload else 0 for payload in closes(found)]
        if len(got) != 1 or got[0] not in codes or found[-1][2] != 8 or left:
            yield f"the client was closed with {got}, not {codes}"

    return check


def origin_closed(*codes):
    def check(seen):
        found, _ = frames_in(seen.links[0].tail)
        got = [int.from_bytes(payload[:2]) if payload else 0 for payload in closes(found)]
        if len(got) > 1 or (got and got[0] not in codes) or (not got and None not in codes):
            yield f"the origin was closed with {got}, not {codes}"

    return check


def unmasked(seen):
    """RFC 6455, 5.1: a server masks nothing; no reserved bit without an extension."""
    found, _ = frames_in(seen.rest)
    if any(mask or rsv for _, rsv, _, _, mask in found):
        yield "a masked frame, or a reserved bit, to the client"


def masked(seen):
    if not seen.links:
        return
    found, _ = frames_in(seen.links[0].tail)
    if any(not mask or rsv for _, rsv, _, _, mask in found):
        yield "a frame to the origin without a mask, or with a reserved bit"


def talking():
    bye = frame(8, close())
    for name, sent, wanted in [
        ("text", frame(1, b"hello"), (1, b"hello")),
        ("binary", frame(2, b"\x00\xff"), (2, b"\x00\xff")),
        ("empty", frame(1), (1, b"")),
        ("utf8", frame(1, "κόσμε ✓ 🙂".encode()), (1, "κόσμε ✓ 🙂".encode())),
        ("125", frame(2, b"a" * 125), (2, b"a" * 125)),
        ("126", frame(2, b"a" * 126), (2, b"a" * 126)),
        ("65535", frame(2, b"a" * 65535), (2, b"a" * 65535)),
        ("65536", frame(2, b"a" * 65536), (2, b"a" * 65536)),
        ("fragments", frame(1, b"he", fin=False) + frame(0, b"l", fin=False) + frame(0, b"lo"), (1, b"hello")),
        ("fragments-empty", frame(1, b"", fin=False) + frame(0, b"", fin=False) + frame(0, b""), (1, b"")),
        ("fragments-ping-between", frame(1, b"he", fin=False) + frame(9, b"p") + frame(0, b"llo"), (1, b"hello")),
        ("fragment-splits-character", frame(1, b"\xce", fin=False) + frame(0, b"\xba"), (1, b"\xce\xba")),
        ("mask-zero", frame(1, b"").replace(MASK, b"\0\0\0\0"), (1, b"")),
    ]:
        yield talk(name, "6455 5", MUST, sent + bye, both(at_origin(wanted), client_closed(1000), origin_closed(1000)))
        if name not in ("fragments-ping-between", "mask-zero"):
            unmask = frames_in(sent)[0]
            said = b"".join(back(op, payload, fin=fin) for fin, _, op, payload, _ in unmask)
            yield talk(f"back-{name}", "6455 5", MUST, (SOME,), at_client(wanted), says=(said,))
    yield talk(
        "dripped",
        "6455 5",
        MUST,
        (Drip(frame(1, b"hello") + frame(2, b"a" * 200) + bye),),
        at_origin((1, b"hello"), (2, b"a" * 200)),
    )
    yield talk(
        "many",
        "6455 5",
        MUST,
        b"".join(frame(1, b"%d" % n) for n in range(200)) + bye,
        at_origin(*[(1, b"%d" % n) for n in range(200)]),
    )
    yield Case(
        "talk-frames-with-handshake",
        "6455 4.1",
        SAFE,
        (HANDSHAKE + frame(1, b"early"), ANSWER, bye, ENDED),
        either(both(opened, at_origin((1, b"early"))), not_opened(400)),
        origin=((UPGRADE, HOLD),),
        probe=False,
    )
    yield Case(
        "talk-frames-with-101",
        "6455 4.2",
        MUST,
        (HANDSHAKE, ANSWER, ENDED),
        both(opened, at_client((1, b"early"))),
        origin=((UPGRADE, back(1, b"early"), HOLD),),
        probe=False,
    )
    yield talk("ping", "6455 5.5.2", MUST, frame(9, b"abc") + bye, pong(b"abc"))
    yield talk("ping-empty", "6455 5.5.2", MUST, frame(9) + bye, pong(b""))
    yield talk("ping-125", "6455 5.5.2", MUST, frame(9, b"p" * 125) + bye, pong(b"p" * 125))
    yield talk("pong-unasked", "6455 5.5.3", MUST, frame(10, b"abc") + frame(1, b"x") + bye, at_origin((1, b"x")))
    yield talk("back-ping", "6455 5.5.2", MUST, (Pause(0.1),), origin_got_pong, says=(back(9, b"abc"),))
    protocol = both(client_closed(1002), origin_closed(1002, 1001, 1006, 1011, None))
    for name, sent in {
        "unmasked": frame(1, b"hello", masked=False),
        "rsv1": frame(1, b"a", rsv=4),
        "rsv2": frame(1, b"a", rsv=2),
        "rsv3": frame(1, b"a", rsv=1),
        "op-3": frame(3),
        "op-7": frame(7, b"a"),
        "op-11": frame(11),
        "op-15": frame(15),
        "ping-fragmented": frame(9, b"a", fin=False),
        "close-fragmented": frame(8, close(), fin=False),
        "ping-126": frame(9, b"a" * 126),
        "close-126": frame(8, close(reason=b"a" * 124)),
        "continuation-first": frame(0, b"a"),
        "text-inside-fragments": frame(1, b"a", fin=False) + frame(1, b"b"),
        "binary-inside-fragments": frame(1, b"a", fin=False) + frame(2, b"b"),
        "close-1-byte": frame(8, b"\x03"),
        "continuation-after-end": frame(1, b"a", fin=False) + frame(0, b"b") + frame(0, b"c"),
        "rsv-on-ping": frame(9, rsv=4),
        "length-top-bit": b"\x82\xff" + b"\x80" + b"\0" * 7 + MASK,
        "length-not-minimal-16": b"\x81\xfe\x00\x05\0\0\0\0hello",
        "length-not-minimal-64": b"\x81\xff" + b"\0" * 7 + b"\x05" + b"\0\0\0\0hello",
    }.items():
        loose = name == "continuation-after-end"
        lax = name.startswith("length-not-minimal")
        if name == "length-top-bit":  # beyond any limit as well
            yield talk(f"bad-{name}", "6455 5.2", MUST, sent, client_closed(1002, 1009))
            continue
        expect = both(client_closed(1002)) if loose else protocol
        yield talk(
            f"bad-{name}",
            "6455 5.2",
            MUST if not lax else SAFE,
            sent,
            either(expect, client_got_nothing) if lax else expect,
        )
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        lax = code in (1016, 1100, 2000, 2999)  # reserved for later versions and extensions
        expect = client_closed(1002, code) if lax else client_closed(1002)
        yield talk(f"close-code-{code}", "6455 7.4", MUST if not lax else SHOULD, frame(8, close(code)), expect)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield talk(
            f"close-code-good-{code}",
            "6455 7.4",
            MUST,
            frame(8, close(code, b"why")),
            both(client_closed(code), origin_closed(code)),
        )
    yield talk("close-empty", "6455 5.5.1", MUST, frame(8), both(client_closed(0, 1000), origin_closed(0, 1000)))
    yield talk("close-reason-not-utf8", "6455 5.5.1", MUST, frame(8, close(1000, b"\xff")), client_closed(1007, 1002))
    yield talk("nothing-behind-close", "6455 5.5.1", MUST, bye + frame(1, b"late"), at_origin())
    text = client_closed(1007)
    for name, sent in {
        "lone": frame(1, b"\xff"),
        "overlong": frame(1, b"\xc0\xaf"),
        "surrogate": frame(1, b"\xed\xa0\x80"),
        "cut": frame(1, b"\xce"),
        "too-high": frame(1, b"\xf4\x90\x80\x80"),
        "second-fragment": frame(1, b"a", fin=False) + frame(0, b"\xff"),
        "cut-fragments": frame(1, b"\xce", fin=False) + frame(0, b""),
    }.items():
        yield talk(f"utf8-{name}", "6455 8.1", MUST, sent, both(text, at_origin()))
    for name, said in {
        "masked": frame(1, b"x"),
        "rsv1": back(1, b"x", rsv=4),
        "op-3": back(3),
        "ping-126": back(9, b"a" * 126),
        "continuation-first": back(0, b"x"),
        "utf8": back(1, b"\xff"),
        "close-code-1005": back(8, close(1005)),
        "ping-fragmented": back(9, fin=False),
        "close-1-byte": back(8, b"\x03"),
    }.items():
        yield talk(f"back-bad-{name}", "6455 5", MUST, (Pause(0.1),), client_closed(1002, 1007, 1011), says=(said,))
    yield talk("too-large", "6455 7.4.1", SHOULD, frame(2, b"a" * 80000), both(client_closed(1009), at_origin()))
    in_parts = frame(2, b"a" * 40000, fin=False) + frame(0, b"a" * 40000)
    yield talk("too-large-in-parts", "6455 7.4.1", SHOULD, in_parts, both(client_closed(1009), at_origin()))
    yield talk(
        "too-large-announced", "6455 7.4.1", SHOULD, frame(2, size=1 << 40), both(client_closed(1009), at_origin())
    )
    yield talk(
        "back-too-large",
        "6455 7.4.1",
        SHOULD,
        (Pause(0.1),),
        both(client_closed(1009, 1011), at_client()),
        says=(back(2, b"a" * 80000),),
    )
    yield talk(
        "client-vanishes",
        "6455 7.1.5",
        MUST,
        (frame(1, b"x"), PASSED, ABORT),
        both(at_origin((1, b"x")), origin_ended),
    )
    yield talk(
        "client-shuts",
        "6455 7.1.5",
        MUST,
        (frame(1, b"x"), PASSED, SHUT),
        both(at_origin((1, b"x")), origin_ended),
    )
    yield talk(
        "back-close",
        "6455 7",
        MUST,
        (Pause(0.1), frame(8, close(4001, b"bye"))),
        both(client_closed(4001), origin_closed(4001)),
        says=(back(8, close(4001, b"bye")),),
    )
    yield talk("back-vanishes", "6455 7.1.5", MUST, (Pause(0.1),), client_closed(1011, 1006, 1001, 1014), then=CLOSE)
    yield talk("back-resets", "6455 7.1.5", MUST, (Pause(0.1),), client_closed(1011, 1006, 1001, 1014), then=RESET)
    yield talk(
        "back-text-then-vanishes",
        "6455 7.1.5",
        MUST,
        (Pause(0.1),),
        both(at_client((1, b"x")), client_closed(1011, 1006, 1001, 1014)),
        says=(back(1, b"x"),),
        then=CLOSE,
    )


def origin_ended(seen):
    if not seen.links[0].ended:
        yield "the client has gone, and the origin does not know"


def client_got_nothing(seen):
    yield from at_origin((1, b"hello"))(seen)


def pong(payload):
    """The client's ping was answered, by the gateway or by the origin."""

    def check(seen):
        found, _ = frames_in(seen.rest)
        mine = [got for _, _, op, got, _ in found if op == 10]
        theirs = [got for _, _, op, got, _ in frames_in(seen.links[0].tail)[0] if op == 9]
        if mine != [payload] and theirs != [payload]:
            yield f"pongs {mine}, pings at the origin {theirs}"

    return check


def origin_got_pong(seen):
    found, _ = frames_in(seen.links[0].tail)
    passed, _ = frames_in(seen.rest)
    if b"abc" not in [got for _, _, op, got, _ in found if op == 10] and b"abc" not in [
        got for _, _, op, got, _ in passed if op == 9
    ]:
        yield f"the origin got {found}"


CASES = [*talking()]
