"""The files of a certificate for clients: read, verified, or refused in words. What is in force: `certificates.py`."""

import hashlib
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gateway.config.draft import Draft
from gateway.config.faults import Loc
from gateway.config.load import Inspection
from gateway.config.report import Report
from gateway.config.schema import CertificateFiles, Tls, TlsVersion
from gateway.reload import os_error_in_words
from gateway.rules.x509 import Certificate, first_certificate, read_certificate

SOON_SECONDS = 14 * 86_400.0
"""`gateway check` warns of a certificate that expires sooner."""

_WORDS = {
    "KEY_VALUES_MISMATCH": ("key_file", "is not the key of the certificate; write the one that it was made for"),
    "KEY_TYPE_MISMATCH": ("key_file", "is not the key of the certificate; write the one that it was made for"),
    "EE_KEY_TOO_SMALL": ("certificate_file", "has a key that is too short; use ECDSA, or RSA of 2048 bits or more"),
    "CA_MD_TOO_WEAK": ("certificate_file", "is signed with a hash that is too weak; have it issued anew"),
    "EE_MD_TOO_WEAK": ("certificate_file", "is signed with a hash that is too weak; have it issued anew"),
}


class CertificateError(ValueError):
    """Files that cannot be used: what is wrong; what would be right. key: which one, as routes.yaml calls it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Loaded:
    """One pair of files as they were read together."""

    certificate: Certificate
    context: ssl.SSLContext
    digest: bytes


def load_pair(files: CertificateFiles, base: Path, minimum_version: TlsVersion = TlsVersion.V1_2) -> Loaded:
    """base: what relative paths begin at, the directory of routes.yaml. Raises CertificateError."""
    chain, key = (base / name for name in files.files)
    read = _read("certificate_file", chain), _read("key_file", key)
    try:
        certificate = read_certificate(first_certificate(read[0]))
    except ValueError as error:
        raise CertificateError("certificate_file", str(error)) from None
    context = _context(minimum_version)
    try:
        context.load_cert_chain(chain, key, password=_refuse_password)
    except ssl.SSLError as error:
        raise _in_words(error) from None
    except OSError as error:
        raise CertificateError(
            "key_file", f"cannot be read: {os_error_in_words(error)}; write the path of a file"
        ) from None
    if (_read("certificate_file", chain), _read("key_file", key)) != read:
        raise CertificateError("certificate_file", "is being written; it is tried again")
    return Loaded(certificate, context, hashlib.sha256(b"".join(read)).digest())


def _read(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"{path} cannot be read: {os_error_in_words(error)}; write the path of a file that this user may read"
        raise CertificateError(key, problem) from None


def _refuse_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise CertificateError("key_file", "is encrypted, and nobody can be asked for its password; store it decrypted")


def _in_words(error: ssl.SSLError) -> CertificateError:
    unknown = ("key_file", "holds no private key that fits the certificate; write its own, as PEM and decrypted")
    return CertificateError(*_WORDS.get(error.reason or "", unknown))


def _context(minimum_version: TlsVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.minimum_version = tls_version(minimum_version)
    context.set_alpn_protocols(["http/1.1"])
    return context


def tls_version(version: TlsVersion) -> ssl.TLSVersion:
    return ssl.TLSVersion.TLSv1_3 if version is TlsVersion.V1_3 else ssl.TLSVersion.TLSv1_2


def out_of_date(certificate: Certificate, now: float) -> str | None:
    """What is wrong with its dates; what would be right."""
    if now > certificate.not_after:
        return f"expired at {shown_time(certificate.not_after)}; renew it"
    if now < certificate.not_before:
        return f"is not valid before {shown_time(certificate.not_before)}; look at the clock, or use another until then"
    return None


def shown_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# -- before they are in force


def inspection(
    base: Path, *, now: float | None = None, known: Collection[tuple[str, str]] = (), needed: bool = False
) -> Inspection:
    """What `load` looks at beyond the text of routes.yaml. now: None where dates do not count. known: pairs that are in
    force already; what becomes of those must not hold up an edit. needed: an address is open on which TLS is spoken.
    """

    def inspect(draft: Draft, report: Report) -> None:
        if needed and draft.tls is None and not draft.damaged_below("tls"):
            report.fault(("tls",), "is missing, and an address of --listen begins https://", "add tls: certificates")
        for index, files in enumerate(draft.tls.certificates if draft.tls is not None else ()):
            if files.files not in known:
                report.files.update(base / name for name in files.files)
                _inspect_pair(files, base, now, ("tls", "certificates", index), report)

    return inspect


def _inspect_pair(files: CertificateFiles, base: Path, now: float | None, loc: Loc, report: Report) -> None:
    try:
        certificate = load_pair(files, base).certificate
    except CertificateError as error:
        key = error.key if files.key_file is not None else "certificate_file"
        problem, _, remedy = str(error).partition("; ")
        report.fault((*loc, key), problem, remedy)
        return
    wrong = out_of_date(certificate, now) if now is not None else None
    if wrong is not None:
        problem, _, remedy = wrong.partition("; ")
        report.fault((*loc, "certificate_file"), problem, remedy)
    elif now is not None and now > certificate.not_after - SOON_SECONDS:
        report.warn((*loc, "certificate_file"), f"expires at {shown_time(certificate.not_after)}", "renew it")


def unusable(tls: Tls | None, base: Path) -> list[str]:
    """What is wrong with the files that an accepted copy names, for a start with it."""
    if tls is None:
        return ["it has no tls, and an address of --listen begins https://"]
    problems = []
    for files in tls.certificates:
        try:
            load_pair(files, base)
        except CertificateError as error:
            problems.append(f"{files.certificate_file}: {error.key} {error}")
    return problems
