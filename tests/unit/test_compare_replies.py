"""Two replies compared: status, headers, and bodies by what they are."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.compare import Kind, Rules
from gateway.rules.events import read_events
from gateway.rules.json_path import parse_path
from gateway.rules.lines import MAX_LINES, MAX_MATCHED, compare_lines
from gateway.rules.replies import Reply, ReplyRules, compare_replies
from gateway.rules.shapes import parse_shape

JSON = ("content-type", "application/json")
ALL = ReplyRules()


def reply(body=b"", *headers, status=200, **more):
    content = body if isinstance(body, bytes) else body.encode()
    return Reply(status, headers, content, **more)


def found(legacy, new, rules=ALL):
    return [(each.kind.value, each.path) for each in compare_replies(legacy, new, rules)]


@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", "text/event-stream", "image/png"]))
def test_a_reply_is_like_itself_and_nothing_raises(body, kind):
    one = reply(body, ("content-type", kind))
    assert found(one, one) == []
    other = reply(body + b"x", ("content-type", kind))
    assert found(one, other) != [] or kind != "image/png"


def test_of_two_statuses_nothing_else_is_told():
    assert found(reply("{}", JSON, status=404), reply('{"a":1}', JSON, status=400)) == [("value", "status")]


def test_headers_are_compared_but_for_those_that_differ_by_nature():
    legacy = reply(b"", ("date", "now"), ("etag", '"a"'), ("server", "x"), ("x-gateway-side", "legacy"), ("x-old", "1"))
    new = reply(b"", ("date", "then"), ("etag", '"b"'), ("x-gateway-side", "new"), ("x-new", "1"), ("via", "p"))
    assert found(legacy, new) == [("value", "header:etag"), ("missing", "header:x-old"), ("extra", "header:x-new")]
    assert found(legacy, new, ReplyRules(headers=frozenset({"etag"}))) == [("value", "header:etag")]
    ignored = ReplyRules(ignore_headers=frozenset({"etag", "x-old", "x-new"}))
    assert found(legacy, new, ignored) == []


def test_fields_of_one_name_are_one_value():
    legacy = reply(b"", ("vary", "a"), ("vary", "b"))
    assert found(legacy, reply(b"", ("vary", "a, b"))) == []
    assert found(legacy, reply(b"", ("vary", "b"), ("vary", "a"))) == [("value", "header:vary")]


def test_the_length_counts_where_there_is_no_body_to_compare():
    legacy, new = (reply(b"", ("content-length", size), head=True) for size in ("10", "11"))
    assert found(legacy, new) == [("value", "header:content-length")]
    legacy, new = (reply(b"", ("content-length", size)) for size in ("10", "11"))
    assert found(legacy, new) == []


def test_a_header_may_have_a_shape():
    rules = ReplyRules(same_headers={"location": parse_shape("/.items.[0-9]+/")})
    legacy = reply(b"", ("location", "/items/1"))
    assert found(legacy, reply(b"", ("location", "/items/22")), rules) == []
    assert found(legacy, reply(b"", ("location", "/items/x")), rules) == [("shape", "header:location")]


def test_json_is_compared_by_structure_under_its_rules():
    rules = ReplyRules(body=Rules(ignore=(parse_path("$.at"),)))
    legacy, new = (reply(json.dumps(each), JSON) for each in ({"a": 1, "at": 1}, {"at": 2, "a": 1}))
    assert found(legacy, new, rules) == []
    assert found(legacy, new) == [("value", "$.at")]
    problem = ("content-type", "application/problem+json")
    assert found(reply("[1]", problem), reply("[ 1 ]", problem)) == []


def test_json_that_is_none_is_compared_as_text():
    assert found(reply("{}", JSON), reply("oops", JSON)) == [("value", "line 1")]


def test_another_content_type_is_told():
    assert found(reply("{}", JSON), reply("{}", ("content-type", "text/plain"))) == [("value", "header:content-type")]


def test_text_is_told_by_lines():
    text = ("content-type", "text/markdown; charset=utf-8")
    legacy = reply("a\nb\nc\n", text)
    assert found(legacy, reply("a\nx\nc\n", text)) == [("value", "line 2")]
    assert found(legacy, reply("a\nc\n", text)) == [("missing", "line 2")]
    assert found(legacy, reply("a\nb\nb2\nc\n", text)) == [("extra", "line 3")]
    assert found(legacy, reply("a\nb\nc", text)) == [("missing", "line 4")]
    assert len(found(legacy, reply("\n".join(map(str, range(99))), text))) == MAX_LINES


def test_masked_text_is_alike():
    text = ("content-type", "text/plain")
    rules = ReplyRules(mask=(re.compile(r"\d\d:\d\d"),))
    assert found(reply("at 10:00", text), reply("at 11:30", text), rules) == []
    assert found(reply("at 10:00", text), reply("on 11:30", text), rules) == [("value", "line 1")]


def test_what_was_captured_goes_by_its_name_everywhere():
    def naming(own):
        return lambda text: text.replace(own, "{id}")

    text = ("content-type", "text/plain")
    legacy = reply("id A1", text, ("location", "/x/A1"), naming=naming("A1"))
    assert found(legacy, reply("id B2", text, ("location", "/x/B2"), naming=naming("B2"))) == []
    stale = reply("id A1", text, ("location", "/x/A1"), naming=naming("B2"))
    assert found(legacy, stale) == [("value", "header:location"), ("value", "line 1")]


def test_other_bodies_are_compared_by_their_digest():
    (difference,) = compare_replies(reply(b"\x00\x01"), reply(b"\x00\x02"), ALL)
    assert difference.path == "body"
    assert difference.legacy.startswith("2 bytes, SHA-256 ")
    assert found(reply(b"\x00"), reply(b"\x01"), ReplyRules(as_="ignore")) == []


SSE = ("content-type", "text/event-stream; charset=utf-8")
STREAM = 'retry: 1000\n\nid: 1\nevent: progress\ndata: {"progress":0}\n\n: keep-alive\n\nevent: end\ndata: {}\n\n'


def test_a_stream_is_a_list_of_its_events():
    assert read_events(STREAM) == [
        {"retry": "1000"},
        {"id": "1", "event": "progress", "data": {"progress": 0}},
        {"event": "end", "data": {}},
    ]
    assert read_events("data: a\ndata: b\r\n\r\ndata\n\n") == [{"data": "a\nb"}, {"data": ""}]


def test_streams_are_compared_by_events_without_keep_alives():
    assert found(reply(STREAM, SSE), reply(STREAM.replace(": keep-alive\n\n", ""), SSE)) == []
    other = STREAM.replace('{"progress":0}', '{"progress": 14}')
    assert found(reply(STREAM, SSE), reply(other, SSE)) == [("value", "$[1].data.progress")]
    assert found(reply(STREAM, SSE), reply(STREAM + "id: 2\ndata: 1\n\n", SSE)) == [("extra", "$[3]")]


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_a_stream_that_breaks_off_is_told(kept):
    assert found(reply(STREAM, SSE), reply(STREAM[:-kept], SSE)) != []
    assert "cut" in read_events(STREAM[:-kept])[-1]


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/xhtml+xml", "image/svg+xml"])
def test_how_lines_end_and_blanks_at_their_end_are_no_difference(kind):
    legacy = reply("<p>\r\n  one \t\r\n</p>\n", ("content-type", kind))
    assert found(legacy, reply("<p>\n  one\n</p>  \n", ("content-type", kind))) == []
    assert found(legacy, reply("<p>\n one\n</p>\n", ("content-type", kind))) == [("value", "line 2")]


def test_lines_that_are_much_alike_are_compared_by_their_numbers():
    """To look for those that moved would take minutes where every line is like every other."""
    rows = ["<tr>", "<td>", "</td>", "</tr>"] * 74
    legacy, new = "\n".join(["x", *rows, "y"]), "\n".join(["z", *rows[::-1], "q"])
    found = compare_lines(legacy, new)
    assert (len(found), {each.kind for each in found}) == (MAX_LINES, {Kind.VALUE})
    few = ["<tr>", "<td>", "</td>", "</tr>"] * 5
    found = compare_lines("\n".join(few), "\n".join([*few[:8], "<hr>", *few[8:]]))
    assert [(each.kind, each.new) for each in found] == [(Kind.EXTRA, "<hr>")]


def test_long_texts_that_differ_all_over_are_compared_line_by_line():
    text = ("content-type", "text/html")
    lines = [f"<p>{number}</p>" for number in range(MAX_MATCHED * 3)]
    changed = [*lines]
    changed[5] = changed[-5] = "<p>x</p>"
    expected = [("value", "line 6"), ("value", f"line {len(lines) - 4}")]
    assert found(reply("\n".join(lines), text), reply("\n".join(changed), text)) == expected
    assert found(reply("\n".join(lines), text), reply("\n".join([*changed, "<p>end</p>"]), text))[:1] == expected[:1]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", ["", "x", "{}"])
def test_texts_of_a_hundred_thousand_lines_do_not_take_long(line):
    text = ("content-type", "text/plain")
    legacy = "\n".join(["start", *[line, "y"] * 50_000, "end"])
    new = "\n".join(["begin", *["y", line, line] * 50_000, "stop"])
    assert len(found(reply(legacy, text), reply(new, text))) == MAX_LINES


def test_integers_beyond_64_bits_are_compared_as_they_are_written():
    legacy, new = (reply(f'{{"id": 1234567890123456789012{last}}}', JSON) for last in "34")
    assert found(legacy, new) == [("value", "$.id")]
    assert found(legacy, legacy) == []


CONTENT_TYPES = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from(
        ["application/json", "a/b+json", "text/plain", "text/event-stream", "text/html", "application/xml", "image/png"]
    ),
)
BOMBS = st.sampled_from(
    [
        b"[" * 100_000,
        b"[" * 1000 + b"]" * 1000,
        b"[" * 1000 + b"1" * 25 + b"]" * 1000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a":' * 900 + b"1.0" + b"}" * 900,
        b"data: " + b"[" * 900 + b"]" * 900 + b"\n\n",
        b"1" * 5000,
        b"1e999",
        b"-0.0",
        b"\xef\xbb\xbf{}",
        b'"\\ud800"',
    ]
)
BODIES = st.one_of(st.binary(max_size=60), BOMBS, st.sampled_from([b"{}", b'{"a":1}', b"[1,[2]]", b"a\r\nb"]))
ANY_RULES = st.builds(
    ReplyRules,
    body=st.just(Rules(ignore=(parse_path("$..a"),), unordered=((parse_path("$..*"), "id"), (parse_path("$"), None)))),
    headers=st.one_of(st.none(), st.just(frozenset({"etag"}))),
    as_=st.sampled_from([None, "json", "events", "text", "digest", "ignore"]),
    mask=st.sampled_from([(), (re.compile("[0-9]+"),)]),
)


@given(BODIES, BODIES, CONTENT_TYPES, CONTENT_TYPES, ANY_RULES)
def test_nothing_raises_whatever_the_bodies_are(legacy, new, legacy_type, new_type, rules):
    one, other = (
        reply(body, *([("content-type", kind)] if kind is not None else []))
        for body, kind in ((legacy, legacy_type), (new, new_type))
    )
    for pair in ((one, other), (other, one)):
        assert isinstance(compare_replies(*pair, rules), tuple)
    assert compare_replies(one, reply(legacy, *one.headers), rules) == ()
    if legacy != new and legacy_type == new_type and rules.as_ == "digest":
        assert [each.path for each in compare_replies(one, other, rules)] == ["body"]


def test_a_fault_of_the_comparison_is_a_difference():
    def fails(_):
        raise ZeroDivisionError

    (difference,) = compare_replies(reply("a", JSON), reply("a", JSON, naming=fails), ALL)
    assert difference.path == "body"
    assert "ZeroDivisionError" in difference.expected
