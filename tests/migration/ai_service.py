"""An OpenAI-compatible server that answers as a test has told it, and keeps what it was asked."""

import contextlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-a-key-for-tests-only"
MODEL = "a-model"


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)


def completion(content):
    """What a chat completion looks like when all is well; `content` is the message."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
    return Reply(body=json.dumps(body).encode())


HANG_UP = Reply(status=0)


class AiService(ThreadingHTTPServer):
    """`script` holds the replies to come; once it is empty, the last one is repeated."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.begin()

    def begin(self, *replies):
        """Forgets what was before."""
        self.script, self.asked, self.times = deque(replies), [], []

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def next_reply(self):
        return self.script.popleft() if len(self.script) > 1 else self.script[0]


class _Handler(BaseHTTPRequestHandler):
    server: AiService
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), json.loads(body)))
        self.server.times.append(time.monotonic())
        reply = self.server.next_reply()
        if reply == HANG_UP:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def running_ai_service():
    service = AiService()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


def provider(base_url, **more):
    """The settings of a backend that asks this server."""
    return {"AI_PROVIDER": "openai", "AI_BASE_URL": base_url, "AI_MODEL": MODEL, "AI_API_KEY": KEY, **more}
