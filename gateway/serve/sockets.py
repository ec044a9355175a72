"""The listening sockets: bound once by the supervisor, shared by all workers, and outliving each of them."""

import socket


class PortTakenError(Exception):
    """The address cannot be bound. The message says which, why, and what to do."""


def listen(host: str, port: int, *, what: str, backlog: int = 2048) -> socket.socket:
    """A listening TCP socket that children can inherit. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        option = "--admin-port" if what == "admin" else "--port"
        raise PortTakenError(
            f"cannot listen on {host}:{port} for {what}: {error.strerror}; free it, or choose another with {option}"
        ) from None
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket) -> str:
    """`127.0.0.1:8000`, with the port that was really bound."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
