"""`tls`, `http2` and `client` beside the URLs: what means nothing is refused, what is dangerous is warned of."""

import pytest

from gateway.config.load import load

TEXT = """\
version: 1
upstreams:
  new: {{{upstream}}}
routes:
  - {{path: "/*", upstream: new}}
"""


def checked(upstream):
    return load(TEXT.format(upstream=upstream))


@pytest.mark.parametrize(
    "upstream",
    [
        "url: 'https://a'",
        "url: 'HTTPS://a', tls: {ca_file: a.pem}",
        "url: 'https://a', http2: true",
        "url: 'https://a', http2: true, client: httpx",
        "url: 'http://a', http2: false, client: http1",
        "urls: ['https://a', 'http://b'], tls: {ca_file: a.pem}",
        "url: 'https://10.0.0.1', tls: {server_name: api.internal}",
        "url: 'https://a', tls: {minimum_version: TLSv1.3, insecure_skip_verify: false}",
    ],
)
def test_what_makes_sense_is_neither_fault_nor_warning(upstream):
    loaded = checked(upstream)
    assert (loaded.faults, loaded.warnings) == ((), ())


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        ("url: 'http://a', http2: true", "http2: is spoken over TLS alone, and http://a is none"),
        ("urls: ['https://a', 'http://b'], http2: true", "http2: is spoken over TLS alone, and http://b is none"),
        ("url: 'https://a', http2: true, client: http1", "http2: needs another client than http1"),
        ("url: 'http://a', tls: {ca_file: a.pem}", "tls: says nothing: no URL begins with https://"),
        ("url: 'http://a', tls: {insecure_skip_verify: true}", "tls: says nothing: no URL begins with https://"),
        ("url: 'https://a', tls: {key_file: a.key}", "tls.key_file: is a key without a certificate"),
        ("url: 'https://a', tls: {server_name: 10.0.0.1}", 'tls.server_name: "10.0.0.1" is an address'),
        ("url: 'https://a', tls: {server_name: 'a b'}", 'tls.server_name: "a b" is no host name'),
        ("url: 'https://a', tls: {server_name: 'https://a'}", 'tls.server_name: "https://a" is no host name'),
        (
            "url: 'https://a', tls: {minimum_version: TLSv1.1}",
            'tls.minimum_version: "TLSv1.1" is not one',
        ),
        ("url: 'https://a', tls: {minimum_version: 1.2}", "tls.minimum_version: 1.2 is not one of its values"),
        ("url: 'https://a', tls: {ca_file: ''}", "tls.ca_file: "),
        ("url: 'https://a', tls: {verify: false}", "tls.verify: unknown key"),
        ("url: 'https://a', http2: 'true'", 'http2: "true" is not a boolean'),
    ],
)
def test_what_means_nothing_is_a_fault(upstream, words):
    (fault,) = checked(upstream).faults
    assert (fault.line, words in str(fault)) == (3, True), str(fault)


def test_verification_that_is_off_is_warned_of_loudly_and_an_authority_beside_it_is_a_fault():
    (warning,) = checked("url: 'https://a', tls: {insecure_skip_verify: true}").warnings
    assert "upstreams.new.tls.insecure_skip_verify: NOBODY IS VERIFIED" in str(warning)
    (fault,) = checked("url: 'https://a', tls: {insecure_skip_verify: true, ca_file: a.pem}").faults
    assert "tls.ca_file: is never used" in str(fault)
