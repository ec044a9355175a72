"""What is kept of a comparison: no secret stays, wherever it stood, and what is no secret does."""

import base64
import re
import time
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model import ShadowOutcome, Side
from gateway.rules.compare import ABSENT, Difference, Kind
from gateway.rules.compared import Asked, Compared
from gateway.rules.hide import MAX_BODY, MAX_DIFFERENCES, hidden
from gateway.rules.json_path import parse_path
from gateway.rules.replies import Reply, ReplyRules, compare_replies
from gateway.rules.secret_values import MAX_NAMES, MAX_TEXT, MAX_VALUES
from gateway.shadow.batch import MAX_SAMPLE_BYTES

JSON = ("content-type", "application/json")
TEXT = ("content-type", "text/plain")
FORM = ("content-type", "application/x-www-form-urlencoded")
SECRET = "hunter2-of-old"


def asked(target="/x", *headers, body=b"", method="GET"):
    return Asked(method, target, headers, body if isinstance(body, bytes) else body.encode())


def reply(body=b"", *headers, status=200):
    return Reply(status, headers, body if isinstance(body, bytes) else body.encode())


def compared(request=None, legacy=None, new=None, differences=()):
    return Compared(
        feature="auth",
        route="/api/v1/auth/*",
        outcome=ShadowOutcome.MISMATCH,
        answered=Side.LEGACY,
        request_id="r-1",
        when=1.5,
        asked=request or asked(),
        legacy=legacy or reply(),
        new=new or reply(),
        differences=tuple(differences),
        legacy_seconds=0.25,
        new_seconds=0.5,
    )


def kept(*args, redact=(), headers=frozenset(), **more):
    return hidden(compared(*args, **more), [parse_path(each) for each in redact], headers)


def written(sample):
    return orjson.dumps(sample).decode()


# -- the property

SECRETS = st.lists(
    st.text("abcXYZ019", min_size=4, max_size=20).map(lambda text: f"Zq7{text}"),
    min_size=9,
    max_size=9,
    unique=True,
)
ODD = st.lists(
    st.text('abz "\\/&<>%+=é雪~', min_size=6, max_size=20).map(lambda text: f"Zq7{text}7qZ"), min_size=3, max_size=3
)


def everywhere(secrets):
    """As texts have them: raw, encoded for URLs, in JSON, once more encoded."""
    return " | ".join(
        each
        for secret in secrets
        for each in (secret, f"x{secret}y", quote(secret, safe=""), quote_plus(secret), quote(quote(secret)))
    )


@given(SECRETS, st.randoms(use_true_random=False))
def test_no_planted_secret_is_left_wherever_it_is_echoed(secrets, chance):
    header, cookie, set_cookie, query, form, member, deep, named, basic = secrets
    echo = everywhere(secrets)
    login = "Basic " + base64.b64encode(f"user:{basic}".encode()).decode()
    request = asked(
        f"/x/{chance.choice(secrets)}/y?q=1&access_token={query}&r={quote(echo)}",
        ("authorization", chance.choice([header, f"Bearer {header}", f"Custom {header}"])),
        ("proxy-authorization", login),
        ("cookie", f"theme=dark; sid={cookie}"),
        ("referer", f"https://h/?a={echo[:900]}"),
        FORM,
        body=f"user=joe&password={form}&note={quote_plus(echo)}",
    )
    legacy = reply(
        orjson.dumps(
            {"token": member, "a": [{"b": {"api_key": {"deeper": [deep]}}}], "place": {"here": named}, "echo": echo}
        ),
        JSON,
        ("set-cookie", f"sid={set_cookie}; Path=/; HttpOnly"),
        ("x-echo", echo),
    )
    new = reply(f"<p>{echo}</p>\n" + "z" * chance.randrange(MAX_BODY) + echo, ("content-type", "text/html"))
    differences = [
        Difference(Kind.VALUE, "$.token", member, ABSENT),
        Difference(Kind.VALUE, "$.echo", echo, {"in": [echo, {echo: 1}]}),
        Difference(Kind.VALUE, "$.place.here", named, None),
        Difference(Kind.EXTRA, f'$["{member}"]', ABSENT, 1),
        Difference(Kind.VALUE, "header:set-cookie", f"sid={set_cookie}", f"a=1; Path=/, sid={cookie}"),
        Difference(Kind.VALUE, "line 3", echo, f"{echo}{echo}"),
    ]
    text = written(kept(request, legacy, new, differences, redact=["$.place"]))
    assert [secret for secret in secrets if secret in text] == []


@given(ODD)
@settings(max_examples=50)
def test_no_secret_of_odd_characters_is_left(secrets):
    header, member, field = secrets
    echo = everywhere(secrets)
    request = asked(
        "/",
        ("x-api-key", header.encode("utf-8").decode("latin-1")),
        FORM,
        body=f"secret={quote_plus(field)}&n={quote(echo)}",
    )
    legacy = reply(orjson.dumps({"refresh_token": member, "echo": echo, "again": orjson.dumps(echo).decode()}), JSON)
    new = reply(echo, TEXT)
    sample = kept(request, legacy, new, [Difference(Kind.VALUE, "$.echo", echo, echo)])
    for secret in secrets:
        for form in (secret.strip(), quote(secret.strip(), safe="")):
            assert form not in written(sample)
            assert all(form not in text for text in texts(sample))


def texts(value):
    """All texts of a value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["cookie", "set-cookie", "authorization", "content-type", "x-a", "proxy-authorization"]),
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(
                ["application/json", "multipart/form-data; boundary=b", "text/event-stream", "Basic !", FORM[1]]
            ),
        ),
    ),
    max_size=5,
).map(tuple)
BODIES = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from(
        [b"[" * 500 + b"]" * 500, b'{"token":' * 50 + b"1" + b"}" * 50, b'data: {"token":"x"}\n\n', b"--b\r\n\r\n--b--"]
    ),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just(ABSENT)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=5,
)
DIFFERENCES = st.lists(
    st.builds(
        Difference,
        st.sampled_from(Kind),
        st.one_of(st.text(max_size=9), st.sampled_from(["$", "$.a[0].token", "header:cookie", "status", "$["])),
        ANYTHING,
        ANYTHING,
    ),
    max_size=4,
).map(tuple)


@given(
    st.builds(
        Compared,
        st.text(max_size=5),
        st.text(max_size=5),
        st.sampled_from(ShadowOutcome),
        st.sampled_from(Side),
        st.text(max_size=5),
        st.just(1.0),
        st.builds(Asked, st.sampled_from(["GET", "POST"]), st.text(max_size=30), HEADERS, BODIES),
        st.builds(Reply, st.integers(100, 599), HEADERS, BODIES),
        st.builds(Reply, st.integers(100, 599), HEADERS, BODIES),
        DIFFERENCES,
        st.just(0.1),
        st.just(0.2),
    )
)
def test_nothing_raises_and_all_of_it_can_be_written(one):
    orjson.dumps(hidden(one, [parse_path("$..a"), parse_path("$[*].data")], frozenset({"x-a"})))


# -- headers


def test_secret_headers_are_hidden_and_cookies_keep_their_names():
    sample = kept(
        asked("/", ("authorization", f"Bearer {SECRET}"), ("cookie", f"theme=dark; sid={SECRET}"), ("accept", "*/*")),
        reply(
            b"", ("set-cookie", f"sid={SECRET}; Path=/; Max-Age=60; x=y; HttpOnly"), ("x-api-key", "k"), ("etag", '"a"')
        ),
    )
    assert sample["asked"]["headers"] == [["authorization", "***"], ["cookie", "theme=***; sid=***"], ["accept", "*/*"]]
    assert sample["legacy"]["headers"] == [
        ["set-cookie", "sid=***; Path=/; Max-Age=60; HttpOnly"],
        ["x-api-key", "***"],
        ["etag", '"a"'],
    ]


def test_headers_that_the_feature_names_are_hidden_with_their_values_everywhere():
    sample = kept(asked("/", ("x-tenant", "tenant-4711")), reply("tenant-4711 is here", TEXT), headers={"x-tenant"})
    assert sample["asked"]["headers"] == [["x-tenant", "***"]]
    assert sample["legacy"]["body"]["text"] == "*** is here"


def test_several_cookies_in_one_difference_are_told_apart():
    value = f"a={SECRET}; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/, b={SECRET}x; Secure"
    (difference,) = kept(differences=[Difference(Kind.VALUE, "header:set-cookie", value, ABSENT)])["differences"]
    assert difference["legacy"] == '"a=***; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/, b=***; Secure"'
    assert difference["new"] is None


# -- what was asked


def test_parameters_and_fields_with_secret_names_are_hidden():
    sample = kept(
        asked(f"/x?q=1&reset_token={SECRET}&z=%20", FORM, body=f"user=joe&pass%77ord={SECRET}&n=1", method="POST")
    )
    assert sample["asked"]["target"] == "/x?q=1&reset_token=***&z=%20"
    assert sample["asked"]["body"]["text"] == "user=joe&pass%77ord=***&n=1"


def test_a_field_of_a_multipart_body_is_hidden_where_it_is_echoed_and_the_body_is_not_kept():
    body = (
        b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n'
        + SECRET.encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n\xff\x00\r\n--b--\r\n'
    )
    sample = kept(
        asked("/", ("content-type", "multipart/form-data; boundary=b"), body=body), reply(f"no {SECRET}", TEXT)
    )
    assert sample["asked"]["body"]["text"] is None
    assert sample["asked"]["body"]["size"] == len(body)
    assert sample["legacy"]["body"]["text"] == "no ***"


# -- bodies


def body_of(content, *headers, redact=()):
    return kept(None, reply(content, *headers), redact=redact)["legacy"]["body"]


def test_members_with_secret_names_are_hidden_with_all_below_them():
    body = body_of(orjson.dumps({"a": [{"credentials": {"user": "joe", "n": [1, 2]}}], "n": 1, "token": None}), JSON)
    assert orjson.loads(body["text"]) == {"a": [{"credentials": "***"}], "n": 1, "token": "***"}
    assert not body["cut"]


def test_places_that_the_feature_names_are_hidden_and_their_values_everywhere():
    content = orjson.dumps({"people": [{"name": "Grace Hopper", "n": 1}], "said": "by Grace Hopper"})
    body = body_of(content, JSON, redact=["$.people[*].name"])
    assert orjson.loads(body["text"]) == {"people": [{"name": "***", "n": 1}], "said": "by ***"}


def test_events_are_hidden_as_their_json_is():
    body = body_of(f'event: login\ndata: {{"token": "{SECRET}", "n": 1}}\n\n', ("content-type", "text/event-stream"))
    assert orjson.loads(body["text"]) == [{"event": "login", "data": {"token": "***", "n": 1}}]


def test_lines_of_json_are_hidden_one_by_one():
    assert body_of(f'{{"token":"{SECRET}"}}\n{{"n":1}}\n', TEXT)["text"] == '{"token":***}\n{"n":1}\n'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Bearer {SECRET}", "Bearer ***"),
        (f"at https://joe:{SECRET}@h/x", "at https://***@h/x"),
        ("see eyJhbGciOi.eyJzdWIiOi.c2lnbmF0", "see ***"),
        (f"password={SECRET}&a=b", "password=***&a=b"),
        (f'{{"a": 1, "password": "{SECRET}', '{"a": 1, "password": ***'),
        (f'<input name="csrf_token" value="{SECRET}"> {SECRET}', '<input name="csrf_token" value="***"> ***'),
        ("no secret at all", "no secret at all"),
    ],
)
def test_in_text_secrets_are_hidden_by_their_shape_or_by_what_is_said(text, left):
    assert body_of(text, TEXT)["text"] == left


def test_json_that_is_broken_where_a_secret_begins_is_not_kept():
    body = body_of(f'{{"credentials": {{"user": "{SECRET}"', JSON)
    assert body["text"] is None
    assert body["cut"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"\x89PNG\r\n"])
def test_what_is_no_text_is_kept_as_size_and_digest(content):
    body = body_of(content, ("content-type", "image/png"))
    assert (body["size"], body["text"], body["cut"]) == (len(content), None, True)
    assert len(body["sha256"]) == 64


@pytest.mark.parametrize("before", range(MAX_BODY - 30, MAX_BODY + 4, 3))
def test_a_body_is_cut_after_hiding_so_that_no_half_of_a_secret_stays(before):
    content = "." * before + SECRET + SECRET * 40 + "!" * 100_000
    body = kept(asked("/", ("authorization", SECRET)), reply(content, TEXT))["legacy"]["body"]
    assert body["cut"]
    assert len(body["text"]) <= MAX_BODY
    assert SECRET[:4] not in body["text"]


# -- differences


def test_differences_keep_their_values_as_json_with_what_tells_them_apart():
    sample = kept(
        differences=[
            Difference(Kind.TYPE, "$.items[3].size", 20, "20"),
            Difference(Kind.EXTRA, "$.n", ABSENT, None),
            Difference(Kind.SHAPE, "$.id", "x", "y", "a UUID"),
        ]
    )
    first, second, third = sample["differences"]
    assert (first["path"], first["place"], first["kind"]) == ("$.items[3].size", "$.items[*].size", "body")
    assert (first["difference"], first["legacy"], first["new"]) == ("type", "20", '"20"')
    assert len(first["fingerprint"]) == 12
    assert (second["legacy"], second["new"]) == (None, "null")
    assert third["expected"] == "a UUID"
    assert sample["more_differences"] == 0


def test_many_differences_are_counted_and_not_kept():
    sample = kept(differences=[Difference(Kind.VALUE, f"$[{at}]", 1, 2) for at in range(MAX_DIFFERENCES + 7)])
    assert len(sample["differences"]) == MAX_DIFFERENCES
    assert sample["more_differences"] == 7


def test_a_difference_in_a_named_place_is_hidden():
    differences = [Difference(Kind.VALUE, "$.a.b[0]", "x", 1), Difference(Kind.MISSING, "$.c", {"name": "y"}, ABSENT)]
    first, second = kept(differences=differences, redact=["$.a", "$.c.name"])["differences"]
    assert (first["legacy"], first["new"]) == ('"***"', '"***"')
    assert second["legacy"] == '{"name": "***"}'


@pytest.mark.parametrize(
    ("path", "shown", "place"),
    [
        ('$.people["ann smith"].age', "$.people", "$.people"),
        ("$.people", "$.people", "$.people"),
        ('$.a[3].tokens["hunter two"][0]', "$.a[3].tokens", "$.a[*].tokens"),
        ("$.odd.ann_1.age.years", "$.odd.ann_1.age", "$.odd.ann_1.age"),
        ("$.odd.ann.name", "$.odd.ann.name", "$.odd.ann.name"),
        ('$.plain["ann smith"]', '$.plain["ann smith"]', '$.plain["ann smith"]'),
    ],
)
def test_places_tell_no_key_below_what_is_hidden(path, shown, place):
    (difference,) = kept(differences=[Difference(Kind.VALUE, path, 1, 2)], redact=["$.people", "$.odd.*.age"])[
        "differences"
    ]
    assert (difference["path"], difference["place"]) == (shown, place)


def test_a_key_that_is_a_secret_elsewhere_is_told_in_no_place():
    request = asked("/", ("cookie", f"sid={SECRET}"))
    long = "$" + ".abcdefghi" * 39
    differences = [Difference(Kind.VALUE, f"{before}.{SECRET}", 1, 2) for before in ("$.sessions", long)]
    first, second = kept(request, differences=differences)["differences"]
    assert (first["path"], first["place"]) == ("$.sessions.***", "$.sessions.***")
    assert (second["path"], second["place"]) == (f"{long}.***", long)


def test_all_else_is_kept():
    sample = kept(asked("/x?a=1"), reply('{"a":1}', JSON, status=201), reply("two", TEXT, status=202))
    assert (sample["feature"], sample["route"], sample["outcome"], sample["answered"]) == (
        "auth", "/api/v1/auth/*", "mismatch", "legacy",
    )  # fmt: skip
    assert (sample["request_id"], sample["when"]) == ("r-1", 1.5)
    assert sample["asked"] == {
        "method": "GET",
        "target": "/x?a=1",
        "headers": [],
        "body": {"size": 0, "text": "", "cut": False},
    }
    assert sample["legacy"] == {
        "status": 201,
        "headers": [list(JSON)],
        "body": {"size": 7, "text": '{"a":1}', "cut": False},
        "seconds": 0.25,
    }
    assert sample["new"]["body"]["text"] == "two"


# -- lines of text

HTML = ("content-type", "text/html")
SHORT = "Zq71"


@pytest.mark.parametrize(
    ("legacy", "new", "kind", "redact"),
    [
        ('<b>S = {"token": {"access": "%s"}, "v": 1}</b>', '<b>S = {"token": {"access": "%s"}, "v": 2}</b>', HTML, ()),
        ('{\n "credentials": {\n  "value": "%s"\n },\n "x": 1', "oops", JSON, ()),
        ('{\n "credentials": {\n  "value": "%s"\n },\n "x": 1}', "oops", JSON, ()),
        ('{"password":{"pin":"%s"},"x":1}', '{"password":{"pin":"%s"},"x":1', JSON, ()),
        ('{"token":{"v":"%s"}}\n{"a":1}', '{"token":{"v":"%sx"}}\n{"a":2}', TEXT, ()),
        ('<p>\xe9 {"token": {"a": "%s"}}</p>', '<p>\xe9 {"token": {"a": "%sx"}}</p>', HTML, ()),
        ('{"name":"%s"}', "oops", JSON, ("$.name",)),
        ('{\n"name":\n"%s"}', "oops", JSON, ("$.name",)),
        ('{"name":"%s"}', '{"name":"%sx"', JSON, ("$.name",)),
        ('{"name":"%s"', '{"name":"%sx"', TEXT, ("$.name",)),
        ("user %s", "nobody", JSON, ("$.name",)),
        ('\ufeff{"name":"%s"}', '\ufeff{"name":"%sx"}', JSON, ("$.name",)),
        ('{"name":"a"}\n {"name":"%s"}', '{"name":"a"}\n{"name":"%sx"}', TEXT, ("$.name",)),
        ('{"name":"a"}\n{"name":"%s', '{"name":"a"}\n{"name":"%sx', TEXT, ("$.name",)),
        ('{"name":"%s"}', '{"name":"%sx"}', JSON, ("$",)),
    ],
)
def test_lines_that_differ_show_no_more_than_the_body_they_are_of(legacy, new, kind, redact):
    encoding = "latin-1" if "\xe9" in legacy else "utf-8"
    bodies = [text.replace("%s", SHORT).encode(encoding) for text in (legacy, new)]
    replies = [reply(body, kind) for body in bodies]
    differences = [*compare_replies(*replies, ReplyRules()), *compare_replies(*replies, ReplyRules(as_="text"))]
    assert any(each.path.startswith("line") for each in differences)
    assert SHORT not in written(kept(None, *replies, differences, redact=redact))


def test_a_list_of_events_that_is_not_said_to_be_one_is_not_shown_where_places_are_hidden():
    bodies = [f'data: {{"name": "{SHORT}", "n": {number}}}\n\n' for number in (1, 2)]
    replies = [reply(body, TEXT) for body in bodies]
    differences = compare_replies(*replies, ReplyRules(as_="events"))
    assert [each.path for each in differences] == ["$[0].data.n"]
    assert SHORT not in written(kept(None, *replies, differences, redact=["$[*].data.name"]))


def test_a_line_of_json_that_a_mask_has_broken_is_not_shown_where_more_goes_by_a_secrets_name():
    rules = ReplyRules(as_="text", mask=(re.compile(r"\d+"),))
    replies = [reply(f'{{"token":{{"a":"Zqa{end}"}},"at":17}}', JSON) for end in "bc"]
    differences = compare_replies(*replies, rules)
    assert '"at":*' in differences[0].legacy
    assert "Zqa" not in written(kept(None, *replies, differences))


@pytest.mark.parametrize(
    ("line", "kind", "redact", "shown"),
    [
        ("<h1>It works</h1>", HTML, (), "<h1>It works</h1>"),
        ("<h1>It works</h1>", HTML, ("$.name",), "<h1>It works</h1>"),
        (f"no password={SHORT} here", TEXT, (), "no password=*** here"),
        ('{"name":"Ann","n":1}', TEXT, ("$.name",), '{"name":"***","n":1}'),
        ('{"name":"Ann","n":1}', JSON, ("$.name",), '{"name":"***","n":1}'),
        (' "n": 1,', JSON, (), ' "n": 1,'),
    ],
)
def test_lines_that_differ_are_shown_as_the_body_is(line, kind, redact, shown):
    body = f"{{\n{line}\n" if line.startswith(" ") else line
    sample = kept(
        None, reply(body, kind), reply("", kind), [Difference(Kind.MISSING, "line 2", line, ABSENT)], redact=redact
    )
    assert orjson.loads(sample["differences"][0]["legacy"]) == shown


def test_a_secret_that_one_side_lacks_makes_no_secret_of_a_word():
    differences = [Difference(Kind.MISSING, "$.token", SECRET, ABSENT)]
    assert kept(None, reply("absent", TEXT), None, differences)["legacy"]["body"]["text"] == "absent"


# -- time


def test_with_more_secrets_than_can_be_looked_for_nothing_is_shown():
    cookies = "; ".join(f"c{number}=value-{number:06}" for number in range(MAX_VALUES + 1))
    sample = kept(asked("/some/path", ("cookie", cookies)), reply("some value-000001 text", TEXT))
    assert sample["legacy"]["body"]["text"] is None
    assert sample["asked"]["target"] == "***"
    assert "value-" not in written(sample)


@pytest.mark.parametrize("kind", [JSON, TEXT])
def test_of_a_body_that_is_too_long_to_be_looked_through_nothing_is_shown(kind):
    content = orjson.dumps({"token": SECRET, "more": "x" * MAX_TEXT})
    sample = kept(None, reply(content, kind), reply(f"no {SECRET}", TEXT))
    assert sample["legacy"]["body"]["text"] is None
    assert sample["new"]["body"]["text"] == "no ***"


def test_of_a_body_in_which_too_many_secrets_names_stand_nothing_is_shown():
    content = "a token " * MAX_NAMES
    assert body_of(content, TEXT)["text"].startswith("a token")
    assert body_of(content + "token", TEXT)["text"] is None


def test_of_a_long_text_the_first_part_is_kept_and_what_is_said_anywhere_hidden():
    content = f"<p>{SECRET}</p>" + ROW * 2000 + f"token={SECRET}"
    body = body_of(content, HTML)
    assert body["text"].startswith("<p>***</p><div")
    assert (len(body["text"]), body["cut"]) == (MAX_BODY, True)


def test_of_long_json_the_first_part_is_kept():
    body = body_of(orjson.dumps({"n": SECRET, "a": [{"b": number} for number in range(9000)], "token": SECRET}), JSON)
    assert body["text"].startswith('{"n":"***","a":[{"b":0},')
    assert (len(body["text"]), body["cut"]) == (MAX_BODY, True)


@pytest.mark.parametrize("length", [1001, 6000, 60_000])
def test_long_values_of_differences_are_cut(length):
    values = "x " * length, ["ab"] * length
    (difference,) = kept(differences=[Difference(Kind.VALUE, "$.a", *values)])["differences"]
    assert difference["legacy"] == ('"' + "x " * 1000)[:2000] + "..."
    assert difference["new"] == ("[" + '"ab", ' * 400)[:2000] + "..."


ROW = '<div class="row"><a href="/item/17">Item 17</a></div>\n'


@pytest.mark.parametrize(
    ("begin", "unit", "end"),
    [
        ("token", ROW, ""),
        ("token=1 ", "a", ""),
        ("token ", "x-", ""),
        ("", "token='' ", ""),
        ('["token"', ',{"name":"a","url":"http://x/17?a=b","n":17}', "]"),
    ],
)
def test_the_largest_bodies_of_a_sample_are_looked_through_soon(begin, unit, end):
    """Meanwhile requests share the interpreter."""
    times = MAX_SAMPLE_BYTES // 2 // len(unit)
    replies = [reply(begin + unit * number + end, HTML) for number in (times - 20, times - 21)]
    differences, took = compare_replies(*replies, ReplyRules()), []
    for _ in range(3):
        began = time.process_time()
        kept(None, *replies, differences)
        took.append(time.process_time() - began)
    assert min(took) < 0.2


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "unit",
    [
        "token",
        "token=",
        'token="',
        '"token": "',
        "name=token ",
        '<input name="token" ',
        "%25",
        "eyJ",
        "a",
        "&",
        "\\",
        '{"a":',
        "[",
        "=;",
        "x-",
        "token='' ",
        "<token>",
        "<token a='",
        "name=token",
        "&quot;token&quot;:&quot;",
        '\\\\"token\\\\":\\\\"',
        "\\\\u0041",
        "<p value=token",
        "u0026sig",
    ],
)
def test_no_body_that_somebody_chooses_takes_long(unit):
    """What grows with the square of its length would take minutes."""
    content = (unit * MAX_TEXT)[:MAX_TEXT]
    began = time.process_time()
    kept(asked("/", ("cookie", "sid=" + "a" * 50 + "b"), body=content), reply(content, JSON), reply(content, TEXT))
    assert time.process_time() - began < 10
