"""A worker that may open nothing more: those who are connected are served, and those who are not yet wait."""

import resource

from tests.support.gateway_process import Client, until
from tests.support.processes import lowest_free_descriptor

USER = {"x-user": "alice"}


def test_who_was_let_in_is_served_and_nobody_is_let_in_who_could_not_be(launch, upstreams):
    gateway = launch(workers=1)
    pid = gateway.pids()["w0"]
    with Client(gateway.port) as one, Client(gateway.port) as other, Client(gateway.port) as late:
        for client in (one, other):  # through one connection to legacy, and none to new
            assert client.ask("/x").body == b"legacy"
        assert upstreams["new"].connections == 0
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free_descriptor(pid), limit[1]))

        reply = one.ask("/auth/x", headers=USER)
        assert (reply.status, reply.body) == (200, b"new")
        assert upstreams["new"].connections == 1

        late.send("/x")  # takes none of those that are held back, and not the one that another gives up
        other.__exit__()
        line = gateway.until_logged("cannot accept connections; they wait")[0]
        assert "the requests of those who are connected" in line["problem"]
        assert one.ask("/auth/x", headers=USER).status == 200

        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        assert late.answer().body == b"legacy"
    until(lambda: gateway.status()["workers"]["w0"]["up"])
    assert gateway.pids()["w0"] == pid
