import pytest

from gateway.errors import ClientError
from gateway.rules.max_forwards import ends_here, one_less


@pytest.mark.parametrize(
    ("values", "ends"), [([], False), ([b"0"], True), ([b"000"], True), ([b"1"], False), ([b"9" * 40], False)]
)
def test_where_a_request_ends(values, ends):
    assert ends_here(b"OPTIONS", [(b"a", b"0"), *((b"max-forwards", value) for value in values)]) is ends


@pytest.mark.parametrize(
    "values",
    [[b""], [b"-1"], [b"+1"], [b"1.0"], [b"x"], [b"1, 1"], [b"1", b"1"], [b"0", b"5"], [b"\xb2"]],
)
def test_a_number_that_is_none(values):
    with pytest.raises(ClientError) as caught:
        ends_here(b"OPTIONS", [(b"max-forwards", value) for value in values])
    assert caught.value.status == 400


def test_a_trace_that_ends_here_is_not_served():
    with pytest.raises(ClientError) as caught:
        ends_here(b"TRACE", [(b"max-forwards", b"0")])
    assert caught.value.status == 405
    assert not ends_here(b"TRACE", [(b"max-forwards", b"1")])


@pytest.mark.parametrize(
    ("given", "sent"), [(b"10", b"9"), (b"1", b"0"), (b"0" * 30 + b"5", b"4"), (b"9" * 40, b"9" * 18)]
)
def test_the_next_hop_has_one_less(given, sent):
    assert one_less([(b"a", b"7"), (b"max-forwards", given)]) == [(b"a", b"7"), (b"max-forwards", sent)]
