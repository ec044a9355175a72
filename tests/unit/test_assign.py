"""Match and decide on compiled plans, and how `explain` tells of it."""

import pytest

from gateway.config.load import load
from gateway.errors import ClientError
from gateway.rules.assign import find_target
from gateway.rules.headers import by_name
from gateway.rules.plan import compile_plan

FILE = """
version: 1
trusted_proxies: ["10.0.0.0/8"]
upstreams:
  old: {url: "http://Old.example:80"}
  new: {urls: ["https://new.example", "http://[::1]:9"], host_header: upstream}
features:
  auth: {legacy: old, new: new, percent: 10, key: ["cookie:id"], no_key: issue,
         rewrite: {new: {from: /api/auth, to: /auth}}}
routes:
  - {path: "/api/auth/*", feature: auth}
  - {path: "/fixed/*", upstream: old, rewrite: {from: /fixed, to: /}}
  - {path: "/cache/*", methods: [PURGE], upstream: new}
  - {path: "/cache/*", upstream: old}
"""


@pytest.fixture(scope="module")
def plan():
    loaded = load(FILE)
    assert loaded.faults == ()
    return compile_plan(loaded.routes, loaded.sha256)


def find(plan, path=b"/fixed/x", *fields, host=b"h", method=b"GET"):
    found = [(b"host", host), *fields]
    return find_target(plan, method=method, raw_path=path, fields=found, named=by_name(found))


def test_a_route_leads_to_its_feature_or_upstream(plan):
    assert find(plan, b"/api/auth/x").feature is plan.features["auth"]
    assert (find(plan).feature, find(plan).upstream) == (None, "old")


def test_a_method_goes_by_its_own_spelling(plan):
    assert find(plan, b"/cache/x", method=b"PURGE").upstream == "new"
    assert find(plan, b"/cache/x", method=b"propfind").upstream == "old"
    for method in (b"purge", b"Purge"):
        with pytest.raises(ClientError) as caught:
            find(plan, b"/cache/x", method=method)
        assert caught.value.status == 501


@pytest.mark.parametrize(
    ("path", "fields", "host", "status"),
    [
        (b"/nowhere", [], b"h", 404),
        (b"/fixed//../api/auth/x", [], b"h", 400),
        (b"/fixed/x", [(b"host", b"h")], b"h", 400),
        (b"/fixed/x", [], b"h\\", 400),
        (b"/fixed/x", [(b"upgrade", b"WebSocket")], b"h", 400),
    ],
)
def test_what_cannot_be_served_is_a_clients_error(plan, path, fields, host, status):
    with pytest.raises(ClientError) as caught:
        find(plan, path, *fields, host=host)
    assert caught.value.status == status
