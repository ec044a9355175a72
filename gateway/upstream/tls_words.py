"""What TLS says when it fails, in a sentence that a client may read: no names, no addresses, no bytes.

OpenSSL's own text, which may name a host, is for the log.
"""

import ssl
from collections.abc import Iterator

_EXPIRED = "The upstream's certificate has expired."
_NOT_YET = "The upstream's certificate is not valid yet."
_OTHER_NAME = "The upstream's certificate is for another name."
_UNKNOWN_AUTHORITY = "The upstream's certificate is of an authority that is not trusted."
_REVOKED = "The upstream's certificate has been revoked."
_NOT_VALID = "The upstream's certificate is not valid."

_BY_VERIFY_CODE = {
    2: _UNKNOWN_AUTHORITY,
    18: _UNKNOWN_AUTHORITY,  # self-signed
    19: _UNKNOWN_AUTHORITY,  # self-signed in its chain
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    9: _NOT_YET,
    10: _EXPIRED,
    23: _REVOKED,
    62: _OTHER_NAME,
    64: _OTHER_NAME,  # an address
}
"""X509_V_ERR_*, as x509_vfy.h numbers them."""

_NO_VERSION = "The upstream speaks no version of TLS that is allowed."
_NO_TLS = "The upstream does not speak TLS."
_WANTS_CERTIFICATE = "The upstream does not accept the gateway's certificate, or the lack of one."
_HANDSHAKE = "The upstream refuses the handshake: it may want a certificate of the gateway's, or other ciphers."
_UNKNOWN_NAME = "The upstream does not know the name that it is asked for."

_BY_REASON = {
    "UNSUPPORTED_PROTOCOL": _NO_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_VERSION,
    "NO_PROTOCOLS_AVAILABLE": _NO_VERSION,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "TLSV1_UNRECOGNIZED_NAME": _UNKNOWN_NAME,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _HANDSHAKE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "TLSV1_ALERT_UNKNOWN_CA": _WANTS_CERTIFICATE,
    "TLSV1_ALERT_ACCESS_DENIED": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_BAD_CERTIFICATE": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _WANTS_CERTIFICATE,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _WANTS_CERTIFICATE,
}
"""OpenSSL's reasons; those with ALERT are what the other side has told us."""


def in_words(error: BaseException | None) -> str:
    """Of an error or of what caused it; empty where TLS has nothing to do with it, or nothing to say."""
    found = ssl_error(error)
    if found is None:
        return ""
    if isinstance(found, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(found.verify_code, _NOT_VALID)
    return _BY_REASON.get(found.reason or "", "")


def refuses_us(error: BaseException | None) -> bool:
    """Whether the other side has refused our certificate: under TLS 1.3 that comes after the handshake."""
    return in_words(error) == _WANTS_CERTIFICATE


def ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """The one that lies behind it, if any does."""
    return next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
