import pytest

from gateway.rules import trace

GIVEN = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("given", [b"a", b"A-1_b.c~d+e/f=g:h@i", b"x" * 128])
def test_a_request_id_that_a_log_can_hold_is_kept(given):
    assert trace.request_id(given, bytes(16)) == given


@pytest.mark.parametrize("given", [None, b"", b"a b", b"x" * 129, b"a\n", b'a"b', b"\xff", b"a\x1b[0m"])
def test_any_other_is_replaced(given):
    assert trace.request_id(given, bytes(15) + b"\xab") == b"0" * 30 + b"ab"


@pytest.mark.parametrize("given", [GIVEN, b"01" + GIVEN[2:] + b"-more", b"fe" + GIVEN[2:]])
def test_trace_contexts_that_go_on(given):
    assert trace.is_traceparent(given)


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"ff" + GIVEN[2:],
        GIVEN + b"-more",
        GIVEN.upper(),
        GIVEN + b"\n",
        b"00-" + b"0" * 32 + GIVEN[35:],
        GIVEN[:36] + b"0" * 16 + GIVEN[52:],
    ],
)
def test_trace_contexts_that_do_not(given):
    assert not trace.is_traceparent(given)


@pytest.mark.parametrize(
    "fresh", [bytes(24), bytes(23) + b"\1", b"\xff" * 24, b"\1" + bytes(23), bytes(16) + b"\1" * 8]
)
def test_a_new_one_is_valid_and_unsampled(fresh):
    assert trace.is_traceparent(trace.new_traceparent(fresh))
    assert trace.new_traceparent(fresh).endswith(b"-00")
