"""What a gateway stands on before it starts: its state directory, a private one for sockets, and good routes."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

from gateway.admin_token import ADMIN_TOKEN, admin_token
from gateway.certificate_files import inspection, unusable
from gateway.config.accepted import Accepted
from gateway.config.tls_files import faults_of
from gateway.reload import accept, os_error_in_words, read_accepted
from gateway.rules.access import is_loopback
from gateway.settings import Settings

log = structlog.get_logger("supervisor")


class StartError(Exception):
    """The gateway cannot start. The message is for the operator. faults: lines to print before it, in house form."""

    def __init__(self, message: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """One gateway per state directory: two would overwrite each other's accepted copy and counters. A new one is this
    user's alone; one that anybody may write to is warned of, for what stands in it is believed.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.fdopen(os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w")
        writable_by_all = bool(state_dir.stat().st_mode & stat.S_IWOTH)
    except OSError as error:
        raise StartError(
            f"the state directory {state_dir} cannot be used: {os_error_in_words(error)}; "
            "make it writable, or give another with --state-dir"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"another gateway is running with the state directory {state_dir}; stop it, or give another with "
                "--state-dir"
            ) from None
        if writable_by_all:
            log.warning("the state directory is writable by everybody: who writes there decides where requests go")
        yield


@contextlib.contextmanager
def run_dir() -> Iterator[Path]:
    """A short private path: the address of a unix socket has room for about 100 bytes."""
    try:
        path = Path(tempfile.mkdtemp(prefix="gateway-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108
    except OSError as error:
        raise StartError(f"no directory for temporary files: {os_error_in_words(error)}") from None
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def check_admin(settings: Settings, bound: str) -> None:
    """Who reaches the admin port can move every user: without a token it is for this machine alone. bound: the address
    that is really listened on. Raises StartError.
    """
    try:
        token = admin_token(os.environ, settings.admin_token_file)
    except OSError as error:
        raise StartError(f"the admin token cannot be read from {error.filename}: {os_error_in_words(error)}") from None
    except ValueError as error:
        raise StartError(str(error)) from None
    if token is None and not is_loopback(bound):
        raise StartError(
            f"the admin port would be open to everybody who reaches {bound}, and who reaches it can move every user: "
            f"give a token, in the variable {ADMIN_TOKEN} or in a file with --admin-token-file (openssl rand -hex 32 "
            "makes one), or listen on 127.0.0.1"
        )


def empty(directory: Path) -> None:
    """Counters start from zero with the gateway; Prometheus takes that for a reset."""
    shutil.rmtree(directory, ignore_errors=True)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"the counters' directory cannot be made: {os_error_in_words(error)}") from None


def check_routes(settings: Settings) -> None:
    """A cold start: the file if it is good, else the accepted copy, loudly. Raises StartError with every fault."""
    path = settings.routes
    try:
        inspect = inspection(path.parent, needed=True) if settings.speaks_tls else None
        edit = accept(path.read_bytes(), str(path), settings.accepted_file, inspect=inspect)
        faults = [str(fault) for fault in edit.faults]
        if edit.accepted:
            for warning in edit.loaded.warnings:
                log.warning("routes.yaml", fault=str(warning))
            return
    except OSError as error:
        faults = [f"{error.filename or path}: {error.strerror or error}"]
    try:
        accepted = read_accepted(settings.accepted_file)
    except (OSError, ValueError) as error:
        faults.append(f"{settings.accepted_file}: {error}")
        accepted = None
    if accepted is not None and settings.speaks_tls:
        accepted = _with_certificates(accepted, settings, faults)
    if accepted is None:
        problem = f"{path} cannot be used, and there is no accepted copy of it to start with"
        raise StartError(problem, tuple(dict.fromkeys(faults)))
    for fault in faults:
        log.error("routes.yaml", fault=fault)
    log.error("STARTING WITH THE LAST ACCEPTED COPY, because the file cannot be used", file=str(path))


def _with_certificates(accepted: Accepted, settings: Settings, faults: list[str]) -> Accepted | None:
    """The copy, unless nobody could connect to what it says."""
    problems = unusable(accepted.routes.tls, settings.routes.parent)
    faults += [f"{settings.accepted_file}: {problem}" for problem in problems]
    return None if problems else accepted


def check_for_worker(settings: Settings) -> None:
    """Before a worker that holds good certificates gives way to one that must read their files anew: those files may be
    in the middle of a renewal. Raises StartError. A damaged accepted copy is the new worker's to tell.
    """
    try:
        accepted = read_accepted(settings.accepted_file)
    except (OSError, ValueError):
        accepted = None
    if accepted is None:
        return
    routes = accepted.routes
    problems = unusable(routes.tls, settings.routes.parent) if settings.speaks_tls else []
    for name, upstream in routes.upstreams.items():
        if upstream.is_secure:
            problems += [f"upstream {name}: {fault}" for fault in faults_of(upstream.tls)]
    if problems:
        raise StartError(", and ".join(problems))
