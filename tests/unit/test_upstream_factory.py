import pytest

from gateway.config.schema import Upstream
from gateway.upstream.factory import build_client
from gateway.upstream.http1 import Http1Client
from gateway.upstream.httpx_client import HttpxClient


@pytest.mark.parametrize(("client", "built"), [("http1", Http1Client), ("httpx", HttpxClient)])
def test_the_client_that_the_upstream_names_is_built_with_its_targets(client, built):
    upstream = Upstream(urls=("http://a:1", "http://b:2"), client=client)
    result = build_client("legacy", upstream)
    assert type(result) is built
    assert (result.name, result.targets) == ("legacy", ("http://a:1", "http://b:2"))
    assert (result.in_flight, result.idle) == (0, 0)


@pytest.mark.parametrize("client", ["http1", "httpx"])
def test_its_limits_and_timeouts_are_the_upstreams(client):
    upstream = Upstream(
        url="http://a:1",
        client=client,
        connect_timeout_seconds=1,
        first_byte_timeout_seconds=2,
        idle_timeout_seconds=3,
        total_timeout_seconds=4,
        max_connections=9,
        max_idle_connections=6,
        keepalive_seconds=7,
    )
    result = build_client("legacy", upstream)
    timeouts = result._timeouts
    assert (timeouts.connect, timeouts.first_byte, timeouts.idle, timeouts.total) == (1, 2, 3, 4)
    if client == "http1":
        limits = result._pools[0]._limits
        assert (limits.max_connections, limits.max_idle, limits.idle_seconds) == (9, 6, 7)
    else:
        pool = result._transports[0][1]._pool
        assert (pool._max_connections, pool._max_keepalive_connections, pool._keepalive_expiry) == (9, 6, 7)


@pytest.mark.parametrize("client", ["http1", "httpx"])
def test_a_target_with_a_path_is_refused(client):
    with pytest.raises(ValueError, match="path"):
        build_client("legacy", Upstream(url="http://a/b", client=client))
