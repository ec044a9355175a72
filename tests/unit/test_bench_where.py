"""A profile taken apart: each sample counts once, and the rows add up."""

import pytest

from bench.where import LOOP, REST, TO_CLIENT, WRITE, folded, row_of, shares, table

TASK = "run (uvloop/__init__.py:1);task_step (_asynciomodule.c:1);Cycle.run (gateway/edge/cycle.py:1)"
READ = "uv_run (core.c:1);EdgeProtocol.data_received (gateway/edge/protocol.py:1)"
SERVE = f"{TASK};Proxy.serve (gateway/proxy.py:100)"
SEND = f"{SERVE};Proxy._send (gateway/proxy.py:1);Http1Client.send (gateway/upstream/http1.py:1)"


@pytest.mark.parametrize(
    ("stack", "row"),
    [
        (f"{SEND};Connection.write (gateway/upstream/connection.py:1);write (libc.so.6)", WRITE),
        (f"{SERVE};Proxy._relay (gateway/proxy.py:1);Wire.write (gateway/edge/wire.py:1);write (libc.so.6)", TO_CLIENT),
        (f"{SEND}", "send: guard, pool, encode"),
        (f"{SERVE};Proxy.decide (gateway/proxy.py:1);choose_side (gateway/rules/assign.py:1)", "decide"),
        (f"{SERVE};Proxy.decide (gateway/proxy.py:1);decide (gateway/rules/split.py:1)", "decide"),
        ("uv_run (core.c:1);uv__io_poll (linux.c:1);epoll_pwait (libc.so.6)", "kernel: wait for events"),
        (f"{READ};EdgeProtocol._take_head (gateway/edge/protocol.py:1);strip (bytes.c:1)", "read the request's head"),
        (f"{SERVE};_set (module.c:1)", REST),
        ("run (uvloop/__init__.py:1);task_step (_asynciomodule.c:1)", LOOP),
    ],
)
def test_a_sample_belongs_to_the_innermost_part_that_is_named(stack, row):
    assert row_of(stack) == row


STEP = """\
\tffffffff82024f61 __tcp_transmit_skb
\t           f8350 __GI___libc_write
\t          15ec3e CPyDef_%s
\t           d1000 CPyDef_%s
\t           1f000 CPyDef_proxy____handle_Proxy_gen_____mypyc_generator_helper__
"""


def test_compiled_code_is_told_from_what_perf_has_seen():
    to_upstream = STEP % ("upstream___connection___Connection___write", "proxy____send_Proxy_gen_____mypyc")
    to_client = STEP % ("wire___Wire___write", "proxy____relay_Proxy_gen_____mypyc")
    deciding = " 1 PyDict_New\n 2 CPyDef_assign___choose_side\n 3 CPyDef_proxy___Proxy___decide\n"
    parts = shares(folded(f"{to_upstream}\n{to_client}\n{deciding}\n 1 uv_run\n"))
    assert parts == {WRITE: 0.25, TO_CLIENT: 0.25, "decide": 0.25, LOOP: 0.25}


def test_the_rows_add_up():
    parts = shares([f"{SEND} 3", f"{SERVE};Proxy.decide (gateway/proxy.py:1) 1", "run (uvloop/__init__.py:1) 4"])
    assert parts == {LOOP: 0.5, "send: guard, pool, encode": 0.375, "decide": 0.125}
    assert table(parts, 80.0).splitlines()[-1] == "| **all** | **80.0** | **100%** |"
