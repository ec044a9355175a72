"""What the benchmark sends is what it says it sends."""

import pytest

from bench.wire import BODIES, FORM, USERS, WORKS


def fields(head):
    _, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize("work", WORKS.values(), ids=lambda work: work.name)
def test_every_user_has_a_cookie_and_a_path_of_their_own(work):
    heads = work.heads()
    assert len(set(heads)) == len({fields(head)["Cookie"] for head in heads[:100]}) * USERS / 100
    assert heads[7].startswith(f"{work.method} {work.prefix}/0007/stock HTTP/1.1\r\nHost: ".encode())


def test_the_form_has_300_bytes_and_says_so():
    assert len(FORM) == 300
    assert fields(WORKS["post"].heads()[0])["Content-Length"] == "300"


def test_the_request_with_headers_has_20_of_them_and_a_kilobyte_of_cookies():
    found = fields(WORKS["headers"].heads()[3])
    assert len(found) == 20
    assert 1000 <= len(found["Cookie"]) < 1100
    assert "gateway_id=" in found["Cookie"]


def test_both_sides_answer_with_the_same_length():
    assert len({len(body) for body in BODIES.values()}) == 1
    assert len(set(BODIES.values())) == 2
