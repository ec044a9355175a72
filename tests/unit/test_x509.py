"""What is read of a certificate, held against another reader of them."""

import datetime as dt
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.x509 import Certificate, first_certificate, read_certificate

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Common.Example")])


FIRST, LAST = (dt.datetime(year, 1, 1) for year in (1950, 9999))  # noqa: DTZ001 - as hypothesis wants them


def issue(names=(), start=FIRST, end=LAST):
    builder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 7, start, end)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def read(certificate):
    return read_certificate(certificate.public_bytes(Encoding.DER))


def test_names_and_times():
    made = trustme.CA().issue_cert("*.Shop.example", "127.0.0.1", "www.example")
    pem = b"".join(each.bytes() for each in made.cert_chain_pems)
    other = x509.load_pem_x509_certificate(pem)
    assert read_certificate(first_certificate(b"Bag Attributes\n" + pem)) == Certificate(
        ("*.shop.example", "www.example"),
        other.not_valid_before_utc.timestamp(),
        other.not_valid_after_utc.timestamp(),
    )


@pytest.mark.parametrize("names", [(), (x509.RFC822Name("a@b"),)])
def test_the_common_name_counts_where_there_is_no_other(names):
    assert read(issue(names)).names == ("common.example",)


@given(st.datetimes(FIRST, LAST), st.timedeltas(dt.timedelta(0), dt.timedelta(9999)))
def test_times_of_every_century(start, length):
    start = start.replace(microsecond=0)
    try:
        end = (start + length).replace(microsecond=0)
    except OverflowError:
        end = start
    got = read(issue(start=start, end=end))
    assert got.not_before == start.replace(tzinfo=dt.UTC).timestamp()
    assert got.not_after == end.replace(tzinfo=dt.UTC).timestamp()


@given(st.data())
def test_damage_is_a_fault_that_says_what_to_do_and_nothing_else(data):
    der = bytearray(ssl.PEM_cert_to_DER_cert(PEM))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_certificate(bytes(der[: data.draw(st.integers(0, len(der)))]))
    except ValueError as error:
        assert str(error) == "holds a certificate that is damaged; copy it again"  # noqa: PT017


PEM = trustme.CA().issue_cert("a.example").cert_chain_pems[0].bytes().decode()


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (b"", "holds no certificate"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "damaged"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "damaged"),
    ],
)
def test_what_is_no_certificate(pem, told):
    with pytest.raises(ValueError, match=told):
        read_certificate(first_certificate(pem))
