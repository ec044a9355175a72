"""The same bytes as other parsers read them: h11 (both roles) and llhttp, one message at a time.

verdict: `whole`, `refused`, or `waits` (it would take more bytes for a part of the message). Both are asked message by
message, each from where the strict reading begins it, so that one difference does not hide the next.
"""

from dataclasses import dataclass

import h11
from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser


@dataclass
class Reading:
    verdict: str = "waits"
    why: str = ""
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    body: bytes = b""
    end: int = -1
    head: bool = False


class H11Origin:
    """An h11 server fed as bytes arrive: `requests` holds each whole one, `fault` what it could not read."""

    def __init__(self):
        self.requests = []
        self.fault = ""
        self._connection = h11.Connection(h11.SERVER)
        self._request = None
        self._body = []
        self._invited = None

    def invites(self):
        """Whether 100 is to be said now: once for each request that waits for it."""
        waits = self._connection.they_are_waiting_for_100_continue and self._request is not self._invited
        self._invited = self._request
        return waits

    @property
    def between(self):
        """Whether no request has been begun that is not whole."""
        return self._request is None and not self._connection.trailing_data[0]

    def feed(self, data):
        """The requests that have become whole: (h11.Request, body)."""
        self._connection.receive_data(data)
        done = []
        try:
            while True:
                event = self._connection.next_event()
                if event is h11.NEED_DATA:
                    break
                if isinstance(event, h11.Request):
                    self._request = event
                elif isinstance(event, h11.Data):
                    self._body.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    done.append((self._request, b"".join(self._body)))
                    self._request, self._body = None, []
                    rest = self._connection.trailing_data[0]
                    self._connection = h11.Connection(h11.SERVER)
                    if not rest:
                        break
                    self._connection.receive_data(rest)
                else:
                    raise AssertionError(f"h11 says {event!r} to a request")
        except h11.RemoteProtocolError as error:
            self.fault = str(error)
        self.requests += done
        return done


def h11_request(data, start):
    """h11's server, with the bytes from there on."""
    connection, found, body = h11.Connection(h11.SERVER), Reading(), []
    connection.receive_data(data[start:])
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                found.head, found.method, found.target = True, event.method, event.target
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                found.verdict, found.end = "whole", len(data) - len(connection.trailing_data[0])
                break
            else:
                break
    except h11.RemoteProtocolError as error:
        found.verdict, found.why = "refused", str(error)
    found.body = b"".join(body)
    return found


def h11_reply(data, *, to_head, eof):
    """h11's client after a request. end: -1 where the end of the connection is the reply's."""
    connection, found, body = h11.Connection(h11.CLIENT), Reading(), []
    connection.send(h11.Request(method="HEAD" if to_head else "GET", target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    if data:
        connection.receive_data(data)
    if eof:
        connection.receive_data(b"")
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                found.head, found.status = True, event.status_code
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                found.verdict, found.end = "whole", len(data) - len(connection.trailing_data[0])
                break
            elif not isinstance(event, h11.InformationalResponse):
                break
    except h11.RemoteProtocolError as error:
        found.verdict, found.why = "refused", str(error)
    found.body = b"".join(body)
    return found


class _EndError(Exception):
    """The first message is over."""


class _First:
    """What llhttp calls back for one request."""

    def __init__(self, found):
        self._found = found
        self.body = []

    def on_url(self, url):
        self._found.target += url

    def on_headers_complete(self):
        self._found.head = True

    def on_body(self, piece):
        self.body.append(piece)

    def on_message_complete(self):
        self._found.verdict = "whole"
        raise _EndError


def llhttp_request(data, start):
    """llhttp as httptools sets it up, with the bytes from there on."""
    found = Reading()
    first = _First(found)
    parser = HttpRequestParser(first)
    try:
        parser.feed_data(data[start:])
    except HttpParserUpgrade:
        found.verdict = "whole"
    except HttpParserError as error:
        if found.verdict != "whole":
            found.verdict, found.why = "refused", str(error)
    if found.head:
        found.method = parser.get_method()
    found.body = b"".join(first.body)
    return found


class _Counted:
    def __init__(self):
        self.count, self.targets, self.body = 0, [], []

    def on_message_begin(self):
        self.targets.append(b"")
        self.body.append(b"")

    def on_url(self, url):
        self.targets[-1] += url

    def on_body(self, piece):
        self.body[-1] += piece

    def on_message_complete(self):
        self.count += 1


def llhttp_requests(data):
    """Every request that llhttp finds on one connection: [(target, body)], whole ones; None where it does not know a
    method, of which it has a list. Raises what else it raises.
    """
    seen = _Counted()
    try:
        HttpRequestParser(seen).feed_data(data)
    except HttpParserInvalidMethodError:
        return None
    return list(zip(seen.targets, seen.body, strict=True))[: seen.count]
