"""Certificates for clients: read, verified, shown by the name that a client asks for, and read again as files change.

Rules:

1.  A pair of files is in force when OpenSSL takes both and the key belongs to the certificate. A new version that is
    none, or is out of date, changes nothing: what was in force stays, and the problem is told until it is mended.
2.  Where nothing is in force yet, a certificate that is out of date is better than none, and is told as loudly.
3.  New connections meet what is in force when they come; open ones are never touched.

Each worker holds its own; private keys are written nowhere.
"""

import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.certificate_files import CertificateError, Loaded, load_pair, out_of_date, shown_time, tls_version
from gateway.config.schema import CertificateFiles, Tls, TlsVersion
from gateway.reload import FileWatch
from gateway.report import CertificateState
from gateway.rules.x509 import Certificate

TRY_AGAIN_SECONDS = 1.0
"""A file that could not be used may be mended without a change that a look would see: its rights, or the time."""

log = structlog.get_logger("tls")


@dataclass(slots=True)
class _Entry:
    """One pair of routes.yaml. problem: why its files, as they are now, are not what is in force, or should not be."""

    files: CertificateFiles
    watches: tuple[FileWatch, FileWatch]
    loaded: Loaded | None = None
    problem: str | None = None
    try_again_at: float = 0.0


class Certificates:
    """What a worker shows to clients. `look` is called every `LOOK_SECONDS`, by one owner."""

    def __init__(
        self, base: Path, on_reload: Callable[[bool], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._base = base
        self._on_reload = on_reload
        self._clock = clock
        self._minimum_version = TlsVersion.V1_2
        self._entries: list[_Entry] = []
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | None:
        """For a connection that comes now; None while nothing can be shown at all."""
        return self._context

    def apply(self, tls: Tls | None) -> None:
        """After each edit of routes.yaml. Pairs that stay are not read again."""
        before = {entry.files.files: entry for entry in self._entries}
        self._minimum_version = tls.minimum_version if tls is not None else TlsVersion.V1_2
        self._entries = []
        for files in tls.certificates if tls is not None else ():
            entry = before.get(files.files)
            if entry is None:
                entry = _Entry(files, tuple(FileWatch(self._base / name) for name in files.files))  # type: ignore[arg-type]
                self._load(entry)
            self._entries.append(entry)
        self._rebuild()

    def look(self, *, asked: bool = False) -> None:
        """Takes over what has changed. asked: whether or not it looks as if anything has."""
        now = self._clock()
        for entry in self._entries:
            changed = [watch for watch in entry.watches if watch.look() is not None]
            missed = entry.problem is None and any(watch.problem for watch in entry.watches)
            again = entry.problem is not None and now >= entry.try_again_at
            if asked or changed or missed or again:
                self._reload(entry, told=asked or missed or bool(changed))

    def _load(self, entry: _Entry) -> None:
        """The first time. Rule 2."""
        for watch in entry.watches:
            watch.take()
        try:
            entry.loaded = load_pair(entry.files, self._base, self._minimum_version)
        except CertificateError as error:
            self._refused(entry, f"{error.key} {error}", told=True)
            return
        entry.problem = None
        self._in_force(entry.files, entry.loaded.certificate)

    def _reload(self, entry: _Entry, *, told: bool) -> None:
        if entry.loaded is None:
            self._load(entry)
        else:
            self._replace(entry, entry.loaded, told=told)
        self._rebuild()

    def _replace(self, entry: _Entry, old: Loaded, *, told: bool) -> None:
        for watch in entry.watches:
            watch.take()
        problem = None
        try:
            new = load_pair(entry.files, self._base, self._minimum_version)
        except CertificateError as error:
            new, problem = old, f"{error.key} {error}"
        if new.digest != old.digest and (wrong := out_of_date(new.certificate, self._clock())) is not None:
            problem = f"certificate_file {wrong}"
        if problem is not None:
            if self._refused(entry, problem, told=told):
                self._on_reload(False)
            return
        entry.problem = None
        if new.digest != old.digest:
            entry.loaded = new
            self._in_force(entry.files, new.certificate)
            self._on_reload(True)

    def _refused(self, entry: _Entry, problem: str, *, told: bool) -> bool:
        """Whether that is news."""
        entry.try_again_at = self._clock() + TRY_AGAIN_SECONDS
        news = told or problem != entry.problem
        entry.problem = problem
        file = entry.files.certificate_file
        if news and entry.loaded is not None:
            log.error("certificate refused; the one before stays in force", file=file, fault=problem)
        elif news:
            log.error("CERTIFICATE CANNOT BE USED, and there is none before", file=file, fault=problem)
        return news

    def _in_force(self, files: CertificateFiles, certificate: Certificate) -> None:
        wrong = out_of_date(certificate, self._clock())
        if wrong is not None:
            log.error("CERTIFICATE OUT OF DATE, and there is none better", file=files.certificate_file, fault=wrong)
        log.info(
            "certificate in force",
            file=files.certificate_file,
            names=list(certificate.names),
            not_after=shown_time(certificate.not_after),
        )

    def _rebuild(self) -> None:
        """What is chosen from, whole. The first certificate's context is where every handshake begins."""
        loaded = [entry.loaded for entry in self._entries if entry.loaded is not None]
        for each in loaded:
            each.context.minimum_version = tls_version(self._minimum_version)
            each.context.sni_callback = None
        if len(loaded) > 1:
            loaded[0].context.sni_callback = _chooser(loaded)
        self._context = loaded[0].context if loaded else None

    def states(self) -> tuple[CertificateState, ...]:
        """For reports."""
        return tuple(_state(entry) for entry in self._entries)


def _state(entry: _Entry) -> CertificateState:
    found = entry.loaded.certificate if entry.loaded is not None else None
    return CertificateState(
        file=entry.files.certificate_file,
        names=found.names if found is not None else (),
        not_before=found.not_before if found is not None else None,
        not_after=found.not_after if found is not None else None,
        problem=entry.problem,
    )


def without_bad_names(hook: Callable[["sys.UnraisableHookArgs"], object]) -> Callable[["sys.UnraisableHookArgs"], None]:
    """For `sys.unraisablehook`: where a client asks for a name that is not ASCII, Python fails the handshake, which is
    counted, and tells of a fault that nobody made.
    """

    def tell(unraisable: "sys.UnraisableHookArgs") -> None:
        if not isinstance(unraisable.exc_value, UnicodeDecodeError) or not isinstance(unraisable.object, bytes):
            hook(unraisable)

    return tell


def _chooser(loaded: list[Loaded]) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    """For OpenSSL, which asks in the middle of a handshake: exact names before wildcards, then the file's order."""
    exact: dict[str, ssl.SSLContext] = {}
    for each in loaded:
        for name in each.certificate.names:
            exact.setdefault(name, each.context)

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        wanted = (name or "").lower().rstrip(".")
        found = exact.get(wanted) or exact.get(f"*.{wanted.partition('.')[2]}")
        if found is not None:
            connection.context = found

    return choose
