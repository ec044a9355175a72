"""Request lines, hosts and fields: valid and with one meaning, or refused before anything reaches the origin."""

import pytest

from tests.support.edge_cases import EDGE, LAST, SMUGGLED, assert_refused, play
from tests.support.scripted_upstream import applies


def get(*lines, line=b"GET /a HTTP/1.1", host=b"Host: test"):
    return b"\r\n".join([line, *([host] if host else []), *lines, b"", b""])


BAD_LINES = [
    b"GET /a", b"GET /a ", b"GET  /a HTTP/1.1", b"GET /a  HTTP/1.1", b"GET\t/a HTTP/1.1", b"GET /a\tHTTP/1.1",
    b" GET /a HTTP/1.1", b"GET /a HTTP/1.1 ", b"GET /a HTTP/1.1\t", b"GET /a b HTTP/1.1", b"GET /a http/1.1",
    b"GET /a Http/1.1", b"GET /a HTTP/1", b"GET /a HTTP/1.", b"GET /a HTTP/.1", b"GET /a HTTP/1.1.1",
    b"GET /a HTTP/1.10", b"GET /a HTTP/01.1", b"GET /a HTTP/1.01", b"GET /a HTTP/ 1.1", b"GET /a HTTP /1.1",
    b"GET /a HTTP/1,1", b"GET /a HTTP/1.1x", b"GET /a HTTP/x.1", b"GET /a HTTPS/1.1", b"GET /a ICY/1.1",
    b"GET /a HTTP/-1.1", b"GET /a HTTP/+1.1", b"GET /a HTTP1.1", b"GET /a FTP/1.1", b"/a HTTP/1.1", b"GET HTTP/1.1",
    b"GET", b"G\x00T /a HTTP/1.1", b"G(T /a HTTP/1.1", b"GET, /a HTTP/1.1", b"GET: /a HTTP/1.1",
    b'"GET" /a HTTP/1.1', b"\xef\xbb\xbfGET /a HTTP/1.1", b"G\xcbT /a HTTP/1.1", b"G/T /a HTTP/1.1",
    b"G@T /a HTTP/1.1", b"{GET} /a HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1", b"GET /\x80 HTTP/1.1",
    b"GET /a\x00 HTTP/1.1", b"GET /a\x01b HTTP/1.1", b"GET /a\x7f HTTP/1.1", b"GET /a\x0bb HTTP/1.1",
    b"GET /a\x0cb HTTP/1.1", b"GET /a\rb HTTP/1.1", b"GET /a\nb HTTP/1.1", b"GET\x0b/a HTTP/1.1",
    b"GET /a#b HTTP/1.1", b"GET /a?b#c HTTP/1.1", b"GET #a HTTP/1.1", b"GET a HTTP/1.1", b"GET a/b HTTP/1.1",
    b"GET ../a HTTP/1.1", b"GET /a<b HTTP/1.1", b"GET /a>?b HTTP/1.1", b"GET /a\\b HTTP/1.1", b'GET /"a" HTTP/1.1',
    b"GET ?a HTTP/1.1", b"GET * HTTP/1.1", b"POST * HTTP/1.1", b"OPTIONS ** HTTP/1.1",
    b"OPTIONS *a HTTP/1.1", b"GET test HTTP/1.1", b"GET test:80 HTTP/1.1", b"GET \\a HTTP/1.1",
    b"GET @test/a HTTP/1.1", b"GET :80/a HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00",
    b"HTTP/1.1 200 OK",
]  # fmt: skip
BAD_ABSOLUTE = [
    b"http:///a", b"http://", b"http:/a", b"http:a", b"http://:80/a", b"http://u@test/a", b"http://u:p@test/a",
    b"http://test@inner/a", b"http://test:x/a", b"http://test:99999/a", b"http://test:-1/a", b"http://te st/a",
    b"http://[::1/a", b"http://test#a", b"http://test/a#b", b"ftp://test/a", b"file:///etc/passwd",
    b"gopher://test/a", b"javascript:alert(1)", b"ws://test/a", b"http//test/a", b"http://te\\st/a",
    b"http://[test]/a", b"http://test%/a", b"http://test,inner/a", b"//test@inner:x#/a",
]  # fmt: skip
BAD_HOSTS = [
    b"", b"a b", b"a\tb", b"a/b", b"a/", b"/a", b"a?b", b"a#b", b"u@a", b"u:p@a", b"@a", b"a@", b"http://a", b"a:b",
    b"a:-1", b"a:+80", b"a:80:80", b"a:65536", b"a:99999", b"a:100000", b"a:0", b"a:8 0", b"a:0x50", b"a:80a",
    b"::1", b"[::1", b"::1]", b"[::1]]", b"[[::1]]", b"[::1]a", b"[::1]:a", b"[::1]:99999", b"[]", b"[]:80",
    b"[g::1]", b"[:::1]", b"[1:2:3]", b"[::1%25eth0]", b"[::1%eth0]", b"[127.0.0.1]", b"[v1.a]", b"a\\b", b'a"',
    b"<a>", b"a,b", b"a, b", b"a|b", b"a^b", b"a`b", b"{a}", b"a%", b"a%4", b"a%zz", b"\xc3\xa9", b"a\xff", b"a\x00",
    b"a\x01", b"a\x7f", b":80", b":", b"a" * 256, b"a:080000", b"a\r", b"a\x0b",
]  # fmt: skip
GOOD_HOSTS = [
    b"a", b"A.Example", b"a.example:80", b"a.example:65535", b"a.example.", b"127.0.0.1", b"127.0.0.1:8080",
    b"[::1]", b"[::1]:80", b"[2001:DB8::1]", b"[::ffff:1.2.3.4]:1", b"a_b", b"a-b.c~d", b"xn--bcher-kva.example",
    b"a%20b", b"a:", b"  a  ", b"\ta", b"256.1.1.1", b"a!$&'()*+;=b",
]  # fmt: skip
BAD_FIELDS = [
    b"X : y", b"X\t: y", b" X: y", b"\tX: y", b"X", b": y", b":", b"X y: z", b"X\x00: y", b"X\x01: y", b"X\x7f: y",
    b"X\xff: y", b"\xc3\xa9: y", b"X(: y", b"X): y", b"X<: y", b"X>: y", b"X@: y", b"X,: y", b"X;: y", b"X\\: y",
    b'X": y', b"X/: y", b"X[: y", b"X]: y", b"X?: y", b"X=: y", b"X{: y", b"X}: y", b"X: a\x00b", b"X: \x00",
    b"X: a\x01b", b"X: a\x08b", b"X: a\x0bb", b"X: a\x0cb", b"X: a\x1fb", b"X: a\x7fb", b"X: a\rb", b"X: a\nb",
    b"X: a\n b", b"X: a\r\r", b"X: a\r\n b", b"X: a\r\n\tb", b"X:\r\n b", b"X: a\r\n \r\nY: b", b"X: a\x1b[0m",
    b"X:\x00y", b"=: y", b"GET /smuggled HTTP/1.1", b"X: y\n\nGET /smuggled HTTP/1.1",
    b"X: y\r\rGET /smuggled HTTP/1.1",
]  # fmt: skip


@applies(*EDGE)
@pytest.mark.parametrize("line", BAD_LINES)
async def test_a_request_line_that_is_none(line):
    await assert_refused(get(line=line), 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize(
    "sent",
    [b"GET /a\r\n", b"nonsense\r\n", b"GET /a HTTP/1.1\n", b"\x16\x03\x01", b"GET /a HTTP/1.1\r\nX : y\r\nHost: a\n"],
)
async def test_nobody_waits_for_the_end_of_what_is_refused(sent):
    """HTTP/0.9 and TLS clients send no more than that."""
    await assert_refused(sent, 400)


@applies(*EDGE)
@pytest.mark.parametrize(
    "line",
    [
        b"PRI * HTTP/2.0",
        b"GET /a HTTP/2.0",
        b"GET /a HTTP/0.9",
        b"GET /a HTTP/3.0",
        b"GET /a HTTP/9.9",
        b"GET /a HTTP/2",
        b"GET /a HTTP/0.0",
    ],
)
async def test_another_version_of_http_is_505(line):
    await assert_refused(get(line=line), 505, after=SMUGGLED)


@applies(*EDGE)
async def test_the_preface_of_http_2_is_refused_at_once():
    await assert_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505)


@applies(*EDGE)
@pytest.mark.parametrize("version", [b"1.2", b"1.9"])
async def test_an_http_1_of_the_future_is_read_as_1_1(version):
    seen = await play(get(line=b"GET /a HTTP/" + version) + LAST)
    assert seen.statuses == [200, 200]
    assert seen.requests[0].line == b"GET /a HTTP/1.1"


@applies(*EDGE)
@pytest.mark.parametrize("line", [b"CONNECT test:80", b"CONNECT /a", b"TRACE /a", b"TRACE *", b"CONNECT http://test/"])
async def test_connect_and_trace_are_405(line):
    reply = await assert_refused(get(line=line + b" HTTP/1.1"), 405, after=SMUGGLED)
    assert b"GET" in reply[b"allow"]


@applies(*EDGE)
@pytest.mark.parametrize("method", [b"get", b"Get", b"gET", b"post", b"connect", b"Trace", b"PRI", b"pri", b"G" * 33])
async def test_a_method_that_nobody_could_mean_is_501(method):
    await assert_refused(get(line=method + b" /a HTTP/1.1"), 501, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize(
    "method", [b"GET", b"PURGE", b"M-SEARCH", b"PROPFIND", b"FOO", b"BASELINE-CONTROL", b"X", b"G" * 32]
)
async def test_other_methods_go_on(method):
    seen = await play(get(line=method + b" /a HTTP/1.1") + LAST)
    assert (seen.statuses, seen.requests[0].line) == ([200, 200], method + b" /a HTTP/1.1")


@applies(*EDGE)
@pytest.mark.parametrize("target", BAD_ABSOLUTE)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS"])
async def test_an_address_that_is_none(target, method):
    line = method + b" " + target + b" HTTP/1.1"
    if target.startswith(b"//"):
        line = line.replace(b"//test", b"/\x0btest")
    await assert_refused(get(line=line), 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize(
    ("target", "host", "path", "sent"),
    [
        (b"http://test/a", b"test", b"/a", b"test"),
        (b"HTTP://TEST/a?b", b"test", b"/a?b", b"TEST"),
        (b"http://test", b"test", b"/", b"test"),
        (b"http://test?b", b"test", b"/?b", b"test"),
        (b"http://test:80/a", b"test", b"/a", b"test:80"),
        (b"http://test/a", b"test:80", b"/a", b"test"),
        (b"https://test:443/a?", b"test", b"/a?", b"test:443"),
        (b"http://test:81//a", b"test:81", b"//a", b"test:81"),
        (b"http://[::1]:81/a", b"[::1]:81", b"/a", b"[::1]:81"),
        (b"http://inner/a", b"test", b"/a", b"inner"),
        (b"http://test.inner/a", b"test", b"/a", b"test.inner"),
        (b"https://test:80/a", b"test", b"/a", b"test:80"),
        (b"http://test:8080/a", b"test", b"/a", b"test:8080"),
    ],
)
async def test_of_an_address_the_authority_is_the_host(target, host, path, sent):
    seen = await play(get(line=b"GET " + target + b" HTTP/1.1", host=b"Host: " + host) + LAST)
    assert seen.statuses == [200, 200]
    assert seen.requests[0].line == b"GET " + path + b" HTTP/1.1"
    assert [value for name, value in seen.requests[0].fields if name == b"host"] == [sent]


@applies(*EDGE)
@pytest.mark.parametrize("target", [b"*", b"http://test"])
async def test_options_of_the_server_as_a_whole(target):
    seen = await play(get(line=b"OPTIONS " + target + b" HTTP/1.1") + LAST)
    assert (seen.statuses, seen.requests[0].line) == ([200, 200], b"OPTIONS * HTTP/1.1")


@applies(*EDGE)
@pytest.mark.parametrize(
    "target", [b"//", b"//a", b"/a//b", b"/a:b@c", b"/?", b"/a|b^c`d{e}", b"/a?b=%00%zz", b"/a?//x?y", b"/a;b=c"]
)
async def test_targets_go_on_byte_for_byte(target):
    seen = await play(get(line=b"GET " + target + b" HTTP/1.1") + LAST)
    assert (seen.statuses, seen.requests[0].line) == ([200, 200], b"GET " + target + b" HTTP/1.1")


@applies(*EDGE)
@pytest.mark.parametrize("host", BAD_HOSTS)
async def test_a_host_that_is_none(host):
    await assert_refused(get(host=b"Host: " + host), 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("hosts", [(b"a", b"b"), (b"a", b"a"), (b"a", b""), (b"", b"a"), (b"test", b"test", b"test")])
async def test_a_host_that_is_said_twice(hosts, version):
    lines = [b"hOsT: " + host for host in hosts]
    await assert_refused(
        get(lines[0], b"X: y", *lines[1:], host=None, line=b"GET /a HTTP/" + version), 400, after=SMUGGLED
    )


@applies(*EDGE)
@pytest.mark.parametrize(
    "line", [b"GET /a HTTP/1.1", b"GET http://test/a HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /a HTTP/1.2"]
)
async def test_a_request_without_a_host(line):
    await assert_refused(get(b"X-Host: test", b"Host_: test", host=None, line=line), 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("host", GOOD_HOSTS)
async def test_a_host_that_is_one_goes_on_as_it_is(host):
    seen = await play(get(host=b"Host:" + host) + LAST)
    assert seen.statuses == [200, 200]
    assert [value for name, value in seen.requests[0].fields if name == b"host"] == [host.strip(b" \t")]


@applies(*EDGE)
@pytest.mark.parametrize("field", BAD_FIELDS)
async def test_a_field_that_is_none(field):
    await assert_refused(get(field), 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("field", BAD_FIELDS[:4])
async def test_a_field_that_is_none_before_the_host(field):
    await assert_refused(get(b"Host: test", host=field), 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        (b"X-A:b", b"x-a", b"b"), (b"X-A:", b"x-a", b""), (b"X-A: \t ", b"x-a", b""), (b"X-A:\t b \t", b"x-a", b"b"),
        (b"X-A: b:c", b"x-a", b"b:c"), (b"X-A: \xc3\xa9\xff", b"x-a", b"\xc3\xa9\xff"),
        (b"X-A: b \t c", b"x-a", b"b \t c"), (b"!#$%&'*+-.^_`|~9: b", b"!#$%&'*+-.^_`|~9", b"b"),
        (b'X-A: "(<@>,;:\\/[]?={})', b"x-a", b'"(<@>,;:\\/[]?={})'),
        (b"X-A: GET / HTTP/1.1", b"x-a", b"GET / HTTP/1.1"),
    ],
)  # fmt: skip
async def test_fields_go_on_without_the_space_around_them(line, name, value):
    seen = await play(get(line) + LAST)
    assert seen.statuses == [200, 200]
    assert name + b": " + value in seen.requests[0].head.split(b"\r\n")


@applies(*EDGE)
@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n\r\n"])
@pytest.mark.parametrize("between", [False, True])
async def test_empty_lines_before_a_request_are_none(lines, between):
    seen = await play((get() if between else b"") + lines + LAST)
    assert seen.statuses == [200] * (1 + between)


@applies(*EDGE)
@pytest.mark.parametrize("lines", [b"\n", b"\r", b"\r\n\n", b"\r\n" * 9, b" \r\n", b"\r\n \r\n", b"\x00\r\n"])
async def test_other_beginnings_are_none(lines):
    await assert_refused(lines + get(), 400, after=SMUGGLED)


OURS = [
    b"x-gateway-side", b"x-gateway-anything", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host",
    b"x-forwarded-port", b"forwarded", b"x-real-ip",
]  # fmt: skip
SPELLINGS = [bytes.lower, bytes.upper, bytes.title] + [
    lambda name, by=by: name.replace(b"-", by) for by in (b"_", b".", b"~", b"!", b"`", b"|", b"*", b"'", b"+")
]


@applies(*EDGE)
@pytest.mark.parametrize("name", OURS)
async def test_look_alikes_of_what_the_gateway_says_do_not_go_on(name):
    lines = [spelling(name) + b": 6.6.6.6" for spelling in SPELLINGS]
    seen = await play(get(*lines) + LAST)
    assert seen.statuses == [200, 200]
    assert b"6.6.6.6" not in seen.requests[0].head


@applies(*EDGE)
@pytest.mark.parametrize(
    ("connection", "kept"),
    [
        (b"close, x-foo", {b"x-bar", b"cookie"}), (b"X-FOO,X-Bar", {b"cookie"}), (b"x-foo , x-bar", {b"cookie"}),
        (b",, x-foo,", {b"x-bar", b"cookie"}),
        (b"cookie, host, authorization, content-length, x-forwarded-for, via", {b"x-foo", b"x-bar", b"cookie"}),
        (b"transfer-encoding, x-gateway-side", {b"x-foo", b"x-bar", b"cookie"}),
    ],
)  # fmt: skip
async def test_fields_that_connection_names_do_not_go_on_and_none_that_matters_is_lost(connection, kept):
    lines = (b"Connection: " + connection, b"X-Foo: 1", b"X-Bar: 2", b"Cookie: a=b", b"Content-Length: 2")
    seen = await play(get(*lines, line=b"POST /a HTTP/1.1") + b"hi" + (b"" if b"close" in connection else LAST))
    request = seen.requests[0]
    names = {name for name, _ in request.fields}
    assert names & {b"x-foo", b"x-bar", b"cookie"} == kept
    assert {b"host", b"x-forwarded-for", b"x-request-id", b"via"} <= names
    assert request.body == b"hi"
    assert b"connection" not in names
