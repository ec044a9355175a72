"""A bounded run of the fuzzer; `python -m tests.fuzz.edge_fuzzer` runs a million."""

import pytest

from tests.fuzz.edge_fuzzer import as_h11_reads_it, run


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_damaged_requests_never_become_more_than_they_are():
    stricter = await run(20_000, seed=20)
    assert 0 < stricter < 6000


def test_what_it_is_held_against_sees_requests():
    post = b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    data = (post + b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") * 2
    assert as_h11_reads_it(data) == [(b"POST", b"hi"), (b"GET", b"")] * 2
