"""What connections to each upstream are made secure with, loaded from its files and loaded again when they change.

`load_all` reads and parses: call it off the event loop's thread. Upstreams that say the same share one context, for
each holds a copy of all authorities.
"""

import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.schema import Upstream, UpstreamTls
from gateway.config.tls_files import TlsFileError, client_context, digest_of, files_of

UNUSABLE = "The gateway cannot make secure connections to the upstream: its own certificate files are at fault."
"""To clients; the log and status say which file."""


@dataclass(frozen=True, slots=True, eq=False)
class Tls:
    """Of one upstream. Another object is another version of it.

    context: for the gateway's own connections, which offer HTTP/1.1. for_httpx: httpcore sets in it what it offers, so
    it is never the same. server_name: asked for and verified instead of the URL's host. problem: why there can be no
    connection at all. mark: what it was made of.
    """

    context: ssl.SSLContext
    for_httpx: ssl.SSLContext
    server_name: str | None = None
    problem: str | None = None
    mark: bytes = b""


def tls_of(settings: UpstreamTls | None = None) -> Tls:
    """Of one section, read now; by default the system's authorities. Raises TlsFileError."""
    return _Loader().load(settings or UpstreamTls())


@dataclass(frozen=True, slots=True)
class Loaded:
    """Of every upstream with an `https` URL. problems: what is wrong with whose files."""

    tls: Mapping[str, Tls]
    problems: Mapping[str, str]


def files_in(specs: Mapping[str, Upstream]) -> frozenset[Path]:
    """All that `load_all` reads for them."""
    return frozenset(path for spec in specs.values() if spec.is_secure for path in files_of(spec.tls))


def load_all(specs: Mapping[str, Upstream], held: Mapping[str, Tls]) -> Loaded:
    """For `Upstreams.apply`.

    held: what was loaded before. It is kept where nothing has changed, and where the files of the same section cannot
    be used now: half of a renewal is no reason to cut an upstream off.
    """
    loader = _Loader()
    found: dict[str, Tls] = {}
    problems: dict[str, str] = {}
    for name, spec in specs.items():
        if not spec.is_secure:
            continue
        before = held.get(name)
        try:
            if before is None or before.problem is not None or before.mark != mark_of(spec.tls):
                found[name] = loader.load(spec.tls)
            else:
                found[name] = before
        except TlsFileError as fault:
            problems[name] = str(fault)
            same = before is not None and before.mark[:32] == _section_mark(spec.tls)
            found[name] = before if before is not None and same else _unusable(spec.tls)
    return Loaded(found, problems)


class _Loader:
    """Makes each context once."""

    def __init__(self) -> None:
        self._made: dict[bytes, Tls] = {}

    def load(self, settings: UpstreamTls) -> Tls:
        mark = mark_of(settings)
        if mark not in self._made:
            context = client_context(settings)
            context.set_alpn_protocols(["http/1.1"])
            self._made[mark] = Tls(context, client_context(settings), settings.server_name, mark=mark)
        return self._made[mark]


def mark_of(settings: UpstreamTls) -> bytes:
    """64 bytes: of the section, and of what its files hold."""
    return _section_mark(settings) + digest_of(settings)


def _section_mark(settings: UpstreamTls) -> bytes:
    return hashlib.sha256(settings.model_dump_json().encode()).digest()


def _unusable(settings: UpstreamTls) -> Tls:
    """Nobody is believed with it, whatever it is used for."""
    nothing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Tls(nothing, nothing, settings.server_name, problem=UNUSABLE, mark=_section_mark(settings))
