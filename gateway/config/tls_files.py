"""The files of `tls`: from PEM on disk to a context for connections, or to what is wrong with which file, in words.

`gateway check` and each edit look at them through `load`, workers make their contexts of them by the same functions.
Reading and parsing takes milliseconds: not for the event loop's thread.
"""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway.config.schema import RoutesFile, TlsVersion, Upstream, UpstreamTls

_FILES = ("ca_file", "certificate_file", "key_file")
_VERSIONS = {TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3}


class TlsFileError(Exception):
    """A file cannot be used. key: which one, as routes.yaml calls it."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}; {remedy}")
        self.key = key
        self.problem = problem
        self.remedy = remedy


def with_absolute_files(routes: RoutesFile, base: Path) -> RoutesFile:
    """The same with each file named whole. base: the directory that relative names are meant from."""
    upstreams = {name: _with_absolute_files(upstream, base) for name, upstream in routes.upstreams.items()}
    if all(upstreams[name] is upstream for name, upstream in routes.upstreams.items()):
        return routes
    return routes.model_copy(update={"upstreams": upstreams})


def _with_absolute_files(upstream: Upstream, base: Path) -> Upstream:
    tls = absolute_files(upstream.tls, base)
    return upstream if tls is upstream.tls else upstream.model_copy(update={"tls": tls})


def absolute_files(tls: UpstreamTls, base: Path) -> UpstreamTls:
    """One section's, likewise."""
    named = {key: str(base / getattr(tls, key)) for key in _FILES if getattr(tls, key) is not None}
    return tls.model_copy(update=named) if named else tls


def files_of(tls: UpstreamTls) -> tuple[Path, ...]:
    """Those that it names."""
    return tuple(Path(name) for key in _FILES if (name := getattr(tls, key)) is not None)


def digest_of(tls: UpstreamTls) -> bytes:
    """What the files hold now; one that cannot be read counts as empty."""
    found = hashlib.sha256()
    for path in files_of(tls):
        try:
            found.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            found.update(b"-")
    return found.digest()


def faults_of(tls: UpstreamTls) -> Iterator[TlsFileError]:
    """What is wrong with each of the files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for load in (_load_authorities, _load_certificate):
        if (fault := _fault(load, context, tls)) is not None:
            yield fault


def _fault(
    load: Callable[[ssl.SSLContext, UpstreamTls], None], context: ssl.SSLContext, tls: UpstreamTls
) -> TlsFileError | None:
    try:
        load(context, tls)
    except TlsFileError as fault:
        return fault
    return None


def client_context(tls: UpstreamTls) -> ssl.SSLContext:
    """For connections as a client: verifies certificate and name, but where `insecure_skip_verify` says otherwise.

    Trusts the system's authorities, or those of `ca_file` alone. Offers no protocol yet (ALPN). Raises TlsFileError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _VERSIONS[tls.minimum_version]
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    _load_authorities(context, tls)
    _load_certificate(context, tls)
    return context


def _load_authorities(context: ssl.SSLContext, tls: UpstreamTls) -> None:
    if tls.ca_file is None:
        return
    content = _read("ca_file", tls.ca_file)
    if b"-----BEGIN CERTIFICATE-----" not in content and b"-----BEGIN TRUSTED CERTIFICATE-----" not in content:
        raise TlsFileError("ca_file", f"{tls.ca_file} holds no certificate in PEM form", _CERTIFICATE_REMEDY)
    try:
        context.load_verify_locations(cadata=content.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as error:
        raise TlsFileError("ca_file", f"{tls.ca_file} is damaged: {_reason(error)}", _CERTIFICATE_REMEDY) from error
    # What stands in the file is trusted, an intermediate authority too (Python 3.13's own default).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _load_certificate(context: ssl.SSLContext, tls: UpstreamTls) -> None:
    if tls.certificate_file is None:
        return
    if b"-----BEGIN CERTIFICATE-----" not in _read("certificate_file", tls.certificate_file):
        problem = f"{tls.certificate_file} holds no certificate in PEM form"
        raise TlsFileError("certificate_file", problem, _CERTIFICATE_REMEDY)
    key = "certificate_file" if tls.key_file is None else "key_file"
    path = tls.key_file or tls.certificate_file
    if b"PRIVATE KEY-----" not in _read(key, path):
        remedy = "give key_file" if tls.key_file is None else _KEY_REMEDY
        raise TlsFileError(key, f"{path} holds no private key in PEM form", remedy)
    try:
        context.load_cert_chain(tls.certificate_file, tls.key_file, password=_no_password)
    except _EncryptedError:
        raise TlsFileError(key, f"the private key of {path} is encrypted", "store it without a password") from None
    except ssl.SSLError as error:
        raise _certificate_fault(error, key, path, tls.certificate_file) from error
    except OSError as error:  # gone since it was read
        raise TlsFileError(key, f"{path} cannot be read: {error.strerror}", _FILE_REMEDY) from error


def _certificate_fault(error: ssl.SSLError, key: str, path: str, certificate: str) -> TlsFileError:
    if error.reason == "KEY_VALUES_MISMATCH":
        problem = f"the private key of {path} is not that of the certificate of {certificate}"
        return TlsFileError(key, problem, "give the two that were made together, the certificate first in its chain")
    files = path if path == certificate else f"{certificate} or {path}"
    return TlsFileError("certificate_file", f"{files} is damaged: {_reason(error)}", _CERTIFICATE_REMEDY)


def _read(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TlsFileError(key, f"{path} cannot be read: {error.strerror or error}", _FILE_REMEDY) from error
    except ValueError as error:
        raise TlsFileError(key, "is no name of a file", _FILE_REMEDY) from error


class _EncryptedError(Exception):
    """A key's password was asked for; without this OpenSSL would ask the terminal."""


def _no_password() -> str:
    raise _EncryptedError


def _reason(error: Exception) -> str:
    """OpenSSL's word for it, as text."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else " ".join(str(error).split())


_FILE_REMEDY = "give the path of a file that the gateway's user may read"
_CERTIFICATE_REMEDY = "give certificates in PEM form (-----BEGIN CERTIFICATE-----)"
_KEY_REMEDY = "give a private key in PEM form (-----BEGIN PRIVATE KEY-----)"
