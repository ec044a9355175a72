import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.reply_parser import MAX_HEAD_BYTES, MalformedReplyError, ReplyParser

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
COUNTED = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


def parse(*pieces, head=False):
    parser = ReplyParser(head_request=head)
    for piece in pieces:
        parser.feed(piece)
    return parser


def flood(parser):
    for _ in range(70):
        parser.feed(b"x" * 1024)


def outcome(pieces, *, head=False):
    """All that a reader can learn, however the bytes were cut."""
    parser = ReplyParser(head_request=head)
    try:
        for piece in pieces:
            parser.feed(piece)
    except MalformedReplyError:
        return "malformed"
    return (
        parser.status,
        parser.headers,
        parser.content_length,
        b"".join(parser.pieces),
        parser.complete,
        parser.keep_alive,
        parser.surplus,
    )


@pytest.mark.parametrize(
    ("reply", "body", "keep_alive"),
    [
        (COUNTED + b"hello", b"hello", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", True),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 \xe4\xf6\tx\r\ncontent-length: 0\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 1\r\n\r\na", b"a", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", b"a", False),
        (b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\na", b"a", True),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello", True),
        (CHUNKED + b"2;a=b;c\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello", True),
        (CHUNKED + b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", True),
        (CHUNKED + b"0\r\n\r\n", b"", True),
        (CHUNKED + b"1\r\na\r\n0\r\nx-trailer: 1\r\nconnection: close\r\n\r\n", b"a", True),
        (CHUNKED.replace(b"chunked", b"Chunked \t") + b"0\r\n\r\n", b"", True),
        (b"HTTP/1.1 204 No\r\n\r\n", b"", True),
        (b"HTTP/1.1 204 No\r\ncontent-length: 7\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 No\r\ncontent-length: 7\r\n\r\n", b"", True),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nlink: x\r\n\r\n" + COUNTED + b"hello", b"hello", True),
    ],
)
def test_a_valid_reply_is_complete(reply, body, keep_alive):
    parser = parse(reply)
    assert parser.complete
    assert not parser.surplus
    assert b"".join(parser.pieces) == body
    assert parser.keep_alive is keep_alive


def test_fields_are_lower_case_stripped_in_order_and_without_framing():
    parser = parse(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1 \t\r\nX:\r\nset-cookie:b=2\r\nConnection: X\r\nContent-Length: 0\r\n\r\n"
    )
    assert parser.headers == [(b"set-cookie", b"a=1"), (b"x", b""), (b"set-cookie", b"b=2"), (b"connection", b"X")]
    assert parser.content_length == 0


def test_interim_replies_are_kept_for_whoever_takes_them():
    parser = parse(b"HTTP/1.1 100 Go\r\ncontent-length: 0\r\n\r\nHTTP/1.1 103 Hint\r\nLink: a\r\nlink: b\r\n\r\nHTT")
    assert parser.interim == [(100, []), (103, [(b"link", b"a"), (b"link", b"b")])]
    assert (parser.status, parser.complete, parser.begun) == (0, False, True)
    assert parse(COUNTED + b"hello").interim is None


@pytest.mark.parametrize("reply", [b"H", b"HTTP/1.1 100 Go\r\n\r\n", COUNTED])
def test_a_reply_has_begun_with_its_first_byte(reply):
    assert not parse().begun
    assert parse(reply).begun


def test_trailers_do_not_become_fields():
    assert parse(CHUNKED + b"0\r\nauthorization: x\r\n\r\n").headers == []


@pytest.mark.parametrize("trailer", [b"transfer-encoding: chunked", b"transfer-encoding: x", b"content-length: 1"])
def test_a_trailer_that_speaks_of_framing_is_refused(trailer):
    with pytest.raises(MalformedReplyError):
        parse(CHUNKED + b"1\r\na\r\n0\r\n" + trailer + b"\r\n\r\n")


@pytest.mark.parametrize("length", [b"", b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n"])
def test_a_reply_to_head_has_no_body_whatever_it_declares(length):
    parser = parse(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", head=True)
    assert parser.complete
    assert parser.keep_alive
    assert parser.content_length == (5 if b"5" in length else None)


def test_a_reply_to_head_that_has_a_body_leaves_a_surplus():
    assert parse(COUNTED + b"hello", head=True).surplus


def test_a_reply_without_length_ends_with_the_connection():
    parser = parse(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")
    assert not parser.complete
    assert not parser.keep_alive
    assert parser.eof()
    assert parser.complete


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 2", COUNTED + b"hell", CHUNKED + b"5\r\nhello\r\n0\r\n", b"HTTP/1.1 100 Go\r\n\r\n"]
)
def test_the_end_of_the_connection_does_not_complete_a_declared_body(reply):
    assert not parse(reply).eof()


@pytest.mark.parametrize(
    "reply",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01",
        b"\r\n" + COUNTED,
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/3.1 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 600 OK\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1 200 O\0K\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        b"HTTP/1.1 200 O\x7fK\r\n\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"HTTP/1.1 200 OK\r\na: b\n\n",
        b"HTTP/1.1 200 OK\na: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\rc: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n a: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na\0: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na\x80: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\x01c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\x7fc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a" * 257 + b": b\r\n\r\n",
        b"HTTP/1.1 103 Hint\r\ncontent-length: 1\r\n\r\n",
        b"HTTP/1.1 100 Go\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n",
        b'HTTP/1.1 200 OK\r\ntransfer-encoding: "chunked"\r\n\r\n',
        b"HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Go\r\n\r\n" * 11,
        b"HTTP/1.1 100 Go\r\n\r\ngarbage",
        CHUNKED + b"\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
        CHUNKED + b" 1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1;\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1;a=\x01\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1\na\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
        CHUNKED + b"1\r\na0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
        CHUNKED + b"0\r\na : b\r\n\r\n",
        CHUNKED + b"0\r\na: \0\r\n\r\n",
        CHUNKED + b"0\r\ncontent-length: 9\r\n\r\n",
        CHUNKED + b"0\r\n" + b"a: b\r\n" * 201 + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 201 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * MAX_HEAD_BYTES,
    ],
)
def test_a_malformed_or_ambiguous_reply_is_refused(reply):
    with pytest.raises(MalformedReplyError):
        parse(reply)
    with pytest.raises(MalformedReplyError):
        parse(*[reply[i : i + 1] for i in range(len(reply))])


@pytest.mark.parametrize("kept", [b"", b"connection: close\r\n"])
@pytest.mark.parametrize(
    "surplus", [b"\r", b"\n", b"\r\n", b"\n\r\n", b"\r\n\r\n", b"x", b"HTTP", COUNTED + b"hello", b"\0" * 9]
)
@pytest.mark.parametrize(
    "reply",
    [COUNTED + b"hello", COUNTED + b"ab\r\n\n", CHUNKED + b"1\r\n\n\r\n0\r\n\r\n", CHUNKED + b"0\r\na: b\r\n\r\n"],
)
def test_any_byte_after_the_end_is_a_surplus(reply, surplus, kept):
    reply = reply.replace(b"OK\r\n", b"OK\r\n" + kept, 1)
    whole = parse(reply + surplus)
    later = parse(reply, surplus)
    bytewise = parse(*[(reply + surplus)[i : i + 1] for i in range(len(reply + surplus))])
    for parser in (whole, later, bytewise):
        assert parser.complete
        assert parser.surplus
        assert b"".join(parser.pieces) == b"".join(parse(reply).pieces)


def test_endless_trailers_and_extensions_are_cut_off():
    for begin in (b"0\r\na: ", b"1;a="):
        parser = parse(CHUNKED + begin)
        with pytest.raises(MalformedReplyError, match="extensions or trailers"):
            flood(parser)


def test_many_small_pieces_are_joined():
    parser = parse(COUNTED.replace(b"5", b"1000"))
    for _ in range(999):
        parser.feed(b"x")
    assert len(parser.pieces) <= 65
    assert b"".join(parser.pieces) == b"x" * 999


def test_a_parser_is_freed_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        for reply in (COUNTED, COUNTED + b"hello", CHUNKED + b"5\r\nhel", CHUNKED + b"0\r\n\r\n"):
            parser = ReplyParser(head_request=False)
            parser.feed(reply)
            del parser
            assert gc.collect() == 0
    finally:
        gc.enable()


REPLIES = [
    COUNTED + b"hello",
    CHUNKED + b"5;a=b\r\nhello\r\n1\r\n\n\r\n0\r\nx: y\r\n\r\n",
    b"HTTP/1.1 103 Hint\r\nlink: </a>\r\n\r\n" + CHUNKED + b"a\r\n0123456789\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nuntil\r\n\r\nclose",
    b"HTTP/1.1 304 Not Modified\r\netag: x\r\ncontent-length: 10\r\n\r\n",
    COUNTED + b"helloHTTP/1.1 200 OK\r\n\r\n",
    COUNTED + b"hello\r\n",
    CHUNKED + b"1\r\na\r\n0\r\n\r\n\r\n",
]


@given(data=st.data(), reply=st.sampled_from(REPLIES), head=st.booleans())
def test_it_does_not_matter_where_a_reply_is_cut(data, reply, head):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(reply)), max_size=12)))
    pieces = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    assert outcome([piece for piece in pieces if piece], head=head) == outcome([reply], head=head)


@given(reply=st.sampled_from(REPLIES), data=st.data())
def test_a_mutated_reply_is_read_the_same_way_however_it_is_cut(reply, data):
    mutated = bytearray(reply)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    whole = outcome([bytes(mutated)] if mutated else [])
    bytewise = outcome([bytes(mutated[i : i + 1]) for i in range(len(mutated))])
    assert bytewise == whole


@pytest.mark.parametrize("minor", [b"2", b"9"])
def test_a_later_version_is_read_as_1_1(minor):
    parser = parse(b"HTTP/1.%b 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" % minor)
    assert (parser.status, parser.pieces, parser.complete, parser.keep_alive) == (200, [b"ok"], True, True)
