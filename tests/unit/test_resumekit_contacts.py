"""Ways to reach a person are seen for what they are, and numbers of other kinds are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.contacts import contacts_of

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else


@pytest.mark.parametrize(
    "text",
    [
        "jane@example.com", "E-Mail:jane.doe+cv@mail.example.co.uk.", "<jane_doe@exämple.de>", "(j@x.io)",
        "mailto:jane@example.com", "jane@sub-domain.example.museum, Berlin", "\tJANE@EXAMPLE.COM\n",
    ],
)  # fmt: skip
def test_an_e_mail_address_is_seen(text):
    assert contacts_of(text).email


@pytest.mark.parametrize(
    "text", ["jane@", "@jane", "jane@example", "jane @ example.com", "jane@-x.com", "a@b.1", "@" * 100, "jane@@x.com"]
)
def test_what_only_has_an_at_sign_is_no_address(text):
    assert not contacts_of(text).email


@pytest.mark.parametrize(
    "text",
    [
        "+49 30 1234567", "+1 (555) 010-9999", "(555) 010-9999", "555-010-9999", "555.010.9999", "030 123 456 78",
        "0049 30 1234567", "Tel. 1234567", "Phone: 12 34 56 78", "Mobile 5550109", "+442079460000", "1-555-010-9999",
        "0172/1234567", "Call: 555 2019", "+ 49 (0) 172 - 123 45 67",
    ],
)  # fmt: skip
def test_a_phone_number_is_seen(text):
    assert contacts_of(f"Jane\n{text}\nBerlin").phone


@pytest.mark.parametrize(
    "text",
    [
        "2019 - 2021", "03/2019-06/2021", "03/2019 - 06/2021", "2019-03 - 2021-06", "01.03.2019 - 30.06.2021",
        "10 000 000 users", "1,000,000", "400.000.000", "12345678901234567890", "2019 2020 2021", "v1.2.3.4.5.6.7",
        "ISBN 978-3-16-148410-0", "01/03/2019", "123456", "user@12345678", "id_12345678",
    ],
)  # fmt: skip
def test_other_numbers_are_none(text):
    assert not contacts_of(f"Jane\n{text}\nBerlin").phone


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0), ("https://jane.example", 1), ("www.jane.example and linkedin.com/in/jane", 2), ("github.com", 0),
        ("https://github.com/jane, HTTPS://GITHUB.COM/Jane/", 1), ("de.linkedin.com/in/jane", 1), ("http://", 0),
        ("jane@www.example.com", 0), ("[site](https://jane.example)", 1), ("https://a.example https://b.example", 2),
    ],
)  # fmt: skip
def test_links_are_counted_once_each(text, count):
    assert contacts_of(text).links == count


@UNHURRIED
@given(st.text() | st.text("0123456789 +()-./@ahtps:w\n"))
def test_no_text_makes_it_raise(text):
    assert contacts_of(text).links >= 0
