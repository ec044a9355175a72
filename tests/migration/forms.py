"""Multipart bodies by hand, for what no client library would send."""

import re
import socket

import httpx

from tests.migration.people import RESUMES

BOUNDARY = "a-boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()


def part(content, *, name="file", filename=b"cv.txt", content_type=b"application/octet-stream"):
    """One part, the boundary before it included. The filename goes out as it is, in quotes; None for none."""
    disposition = b'form-data; name="%s"' % name.encode()
    if filename is not None:
        disposition += b'; filename="%s"' % filename
    head = b"--%s\r\nContent-Disposition: %s\r\nContent-Type: %s\r\n\r\n"
    return head % (BOUNDARY.encode(), disposition, content_type) + content + b"\r\n"


def send(user, backend, body, content_type=CONTENT_TYPE):
    return user.ask(backend, "POST", RESUMES, content=body, headers={"Content-Type": content_type})


def connect(user, backend, *, framing):
    """A connection on which the head of an upload has been sent; the body is up to the test."""
    url = httpx.URL(backend.url)
    connection = socket.create_connection((url.host, url.port), timeout=20)
    head = f"POST {RESUMES} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {user.access_token}\r\n"
    connection.sendall(f"{head}Content-Type: {CONTENT_TYPE}\r\n{framing}\r\n\r\n".encode())
    return connection


def chunk(content):
    return b"%x\r\n%s\r\n" % (len(content), content)


def answer_on(connection):
    """The head, and as much of a body as it promises; the server may still wait for more of the request."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or fail_at_end(received)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
    while len(body) < length:
        body += connection.recv(65536) or fail_at_end(received)
    return head, body


def fail_at_end(received):
    raise AssertionError(f"the connection has ended after {received!r}")
