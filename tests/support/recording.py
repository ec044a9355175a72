"""Two small services that answer as a test says, on real sockets, for recorded requests to be sent to.

    with service(answer) as legacy:
        legacy.url, legacy.seen

`answer(asked)` gives (status, headers, body), or raises `SilenceError` to close the connection without a reply.
"""

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SilenceError(Exception):
    """No reply comes."""


@dataclass
class Asked:
    method: str
    target: str
    headers: list
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass
class Service:
    """seen: all requests, in order. release: set, whoever `holds` is answered. answer: may be replaced at any time."""

    answer: object
    seen: list = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    server: object = None

    @property
    def targets(self):
        return [asked.target for asked in self.seen]

    def close(self):
        if self.server is not None:
            self.release.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def text(body, status=200, **headers):
    """An answer of plain text."""
    named = {"content-type": "text/plain", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return status, list(named.items()), body.encode()


def same(_asked):
    return text("the same\n")


@contextlib.contextmanager
def service(answer=same, port=0):
    made = Service(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def handle_one_request(self):
            with contextlib.suppress(ConnectionError):
                super().handle_one_request()

        def answer(self):
            length = int(self.headers.get("content-length") or 0)
            asked = Asked(self.command, self.path, self.headers.items(), self.rfile.read(length))
            made.seen.append(asked)
            try:
                status, headers, body = made.answer(asked)
            except SilenceError:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of http.server

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

    made.server = Server(("127.0.0.1", port), Handler)
    made.url = f"http://127.0.0.1:{made.server.server_address[1]}"
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(10)
        assert not thread.is_alive()


def log_lines(*targets, method="GET"):
    """An access log of these requests."""
    lines = (
        f'127.0.0.1 - - [23/Nov/2026:05:25:04 +0000] "{method} {each} HTTP/1.1" 200 5 "-" "-"\n' for each in targets
    )
    return "".join(lines)
