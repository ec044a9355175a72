"""What is hidden and written out in every log, and that nobody can choose a text that costs more than its length."""

import pytest

from gateway.telemetry.redact import clean_text

SECRET = "hunter2"

SLOW_FOR_PATTERNS = [
    ("/=", "token"),
    ("/=", "api-key"),
    ("/=", "passwd-"),
    ("/=", "a"),
    ("/@", "a://"),
    ("/://@", "a."),
    ("/://", "a@"),
    ("/@", "http://"),
    ("/", "wss://@ "),
    ("/", "eyJ-"),
    ("/'", "token"),
    ("/", "'token',"),
    ('/"', "cookie"),
    ("/", 'token="'),
    ("/", "token='\""),
    ("token=", " "),
    ("bearer", " "),
    ("/", "bearer "),
    ("cookie:", "\t"),
    ("/", "authorization: "),
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("start", "unit"), SLOW_FOR_PATTERNS)
def test_no_text_that_a_client_can_choose_holds_the_worker(start, unit):
    """A path stands in every line. What grows with the square of its length would take minutes here, a cube years."""
    text = (start + unit * 400_000)[:400_000]
    assert clean_text(text, one_line=True)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"a=password={SECRET}", "a=password=***"),
        (f"my-token-of-mine={SECRET}&b=c", "my-token-of-mine=***&b=c"),
        (f"tokentoken={SECRET}", "tokentoken=***"),
        (f"1.redis://u:{SECRET}@h", "1.redis://***@h"),
        (f"_redis://u:{SECRET}@h", "_redis://***@h"),
        (f"ftp://h/x redis://u:{SECRET}@h", "ftp://h/x redis://***@h"),
        (f"x://y,redis://u:{SECRET}@h", "x://***@h"),
        (f"x-eyJhbGci.{SECRET}.x", "x-***"),
        ("eyJhbGci-eyJ and eyJhbGci", "eyJhbGci-eyJ and eyJhbGci"),
        (f"eyJ-eyJhbGci.{SECRET}.x", "***"),
        ("/reset/token/x=1", "/reset/token/x=1"),
    ],
)
def test_a_secret_is_found_wherever_its_name_or_shape_begins(text, left):
    assert clean_text(text, one_line=True) == left
