import hashlib

import orjson
import pytest

from gateway.config.accepted import dump_accepted, load_accepted
from gateway.config.load import load

TEXT = """version: 1
upstreams:
  a: {url: "http://h:1", connect_timeout_seconds: 0.25}
  b: {urls: ["http://h:2", "http://h:3"]}
features:
  f: {legacy: a, new: b, percent: 12.34, key: ["cookie:c"], no_key: issue, rewrite: {new: {from: /x, to: /y}}}
routes:
  - {path: "/x/*", feature: f, methods: [GET], headers: {a: "1"}, host: "*.example.com"}
  - {path: "/*", upstream: a}
log: {requests: sampled, sample: 0.5}
"""


def copy():
    loaded = load(TEXT)
    return loaded, dump_accepted(loaded.routes, loaded.sha256, TEXT)


def sealed(values):
    body = orjson.dumps(values)
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def test_the_copy_gives_back_what_was_accepted():
    loaded, data = copy()
    accepted = load_accepted(data)
    assert accepted.routes == loaded.routes
    assert accepted.routes.features["f"].basis_points == 1234
    assert (accepted.sha256, accepted.source_text) == (loaded.sha256, TEXT)


@pytest.mark.parametrize("length", [0, 10, 65, 200])
def test_a_copy_cut_short_is_named_as_damaged(length):
    with pytest.raises(ValueError, match="damaged"):
        load_accepted(copy()[1][:length])


def test_a_changed_byte_is_named_as_damage():
    with pytest.raises(ValueError, match="checksum"):
        load_accepted(copy()[1].replace(b"http://h:1", b"http://h:9"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "format"),
        ({"format": 99}, "format"),
        ({"format": 1, "routes": {"version": 1}}, "does not fit this version: upstreams"),
        ({"format": 1, "routes": orjson.loads(copy()[1].partition(b"\n")[2])["routes"]}, "hash or its source"),
    ],
)
def test_a_copy_of_another_shape_says_what_does_not_fit(values, problem):
    with pytest.raises(ValueError, match=problem):
        load_accepted(sealed(values))
