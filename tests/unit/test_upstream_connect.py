import pytest

from gateway.upstream.connect import Target, parse_target


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("http://a", "a", 80, False),
        ("https://a.example/", "a.example", 443, True),
        ("http://127.0.0.1:9001", "127.0.0.1", 9001, False),
        ("http://[::1]:9001", "::1", 9001, False),
    ],
)
def test_a_base_url_is_taken_apart(url, host, port, tls):
    assert parse_target(url) == Target(url, host, port, tls, host)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a:1",
        "ftp://a",
        "http://",
        "http://:80",
        "http://a/b",
        "http://a?b",
        "http://u:p@a",
        "http://a:99999",
        "unix:/x",
    ],
)
def test_anything_else_is_refused(url):
    with pytest.raises(ValueError, match=r"."):
        parse_target(url)
