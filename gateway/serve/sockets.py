"""The listening sockets: bound once by the supervisor, shared by all workers, and outliving each of them."""

import errno
import socket

from gateway.accept import BACKLOG


class PortTakenError(Exception):
    """The address cannot be bound. The message says which, why, and what to do. in_use: somebody else has it now."""

    def __init__(self, message: str, *, in_use: bool) -> None:
        super().__init__(message)
        self.in_use = in_use


_REMEDIES = {
    errno.EADDRINUSE: "free it, or choose another with {port}",
    errno.EACCES: "this user may not; choose a port above 1023 with {port}",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose one that it has with {host}",
}


def listen(host: str, port: int, *, what: str, option: str = "", backlog: int = BACKLOG) -> socket.socket:
    """A listening TCP socket that children can inherit. option: by which it was asked for, where one names host and
    port. Raises PortTakenError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        prefix = "--admin-" if what == "admin" else "--"
        remedy = _REMEDIES.get(error.errno or 0, "choose another with {host}").format(
            host=option or f"{prefix}host", port=option or f"{prefix}port"
        )
        raise PortTakenError(
            f"cannot listen on {_shown(host, port)} for {what}: {error.strerror or error}; {remedy}",
            in_use=error.errno == errno.EADDRINUSE,
        ) from None
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket) -> str:
    """`127.0.0.1:8000`, with the port that was really bound."""
    host, port = listener.getsockname()[:2]
    return _shown(host, port)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
