"""TLS on a client's connection, as the transport that the edge writes to and the protocol that its socket feeds.

Instead of the event loop's own: that one knows no half-close, answers a client that still sends with a reset that
destroys what it was told, says a clean goodbye even where an answer was cut, and does each of these differently under
asyncio and uvloop. Here a connection ends as it does without TLS:

1.  `write_eof` says goodbye (close_notify) and shuts down our side; what the client still sends is thrown away unread.
2.  `close` says goodbye and closes. `abort` says nothing: a broken answer never looks whole.
3.  A client that has said goodbye, or has shut down its side, may still be sent its answer.
4.  What TLS answers by itself to a client that takes nothing is bounded.
"""

import asyncio
import contextlib
import ssl
from typing import Any, cast

RECORD_BYTES = 65_536
"""More than one record of TLS holds, so that one read takes all of one."""

DISCARDED_BYTES = 67_108_864
"""What is still taken, to be thrown away, from a client to whom we have said goodbye."""

UNHEARD_BYTES = 16_384
"""How much TLS itself may say to a client that takes nothing: hundreds of answers to KeyUpdate; clients send a few."""


class Handshake:
    """The server's side of one, from bytes to bytes. Owned by `Greeting`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def feed(self, data: bytes) -> bool:
        """Whether it is complete. What is in `outgoing` then, or after an error, is the client's. Raises SSLError."""
        self.incoming.write(data)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """In force from `begin` on. raw: the socket's transport. shaken: the handshake that is complete."""

    def __init__(self, raw: asyncio.Transport, shaken: Handshake) -> None:
        super().__init__()
        self._raw = raw
        self._tls = shaken.tls
        self._incoming = shaken.incoming
        self._outgoing = shaken.outgoing
        self._app: asyncio.Protocol = None  # type: ignore[assignment]
        self._ended = False  # by the client
        self._stays = False  # after that
        self._shut = False  # by us
        self._discarded = 0
        self._choked = False  # the client takes less than it is sent
        self._unheard = 0  # of what TLS has said by itself since then

    def begin(self, app: asyncio.Protocol) -> None:
        """Takes the socket over from whoever had it, and gives the app what has come behind the handshake."""
        self._app = app
        self._raw.set_protocol(self)
        app.connection_made(self)
        if self._incoming.pending:
            self._read()

    # -- what the socket's transport does

    def data_received(self, data: bytes) -> None:
        if self._shut:
            self._discarded += len(data)
            if self._discarded > DISCARDED_BYTES:
                self._raw.abort()
        elif not self._ended:
            self._incoming.write(data)
            self._read()

    def _read(self) -> None:
        pieces = []
        goodbye = False
        try:
            while not goodbye and self._incoming.pending:
                piece = self._tls.read(RECORD_BYTES)
                goodbye = not piece
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass  # there is less than a record of it
        except ssl.SSLError:
            self._break_off()
            return
        if self._outgoing.pending:
            self._answer()
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if data:
            self._app.data_received(data)
        if goodbye and not self._raw.is_closing():
            self._end()

    def _answer(self) -> None:
        """What TLS says by itself (KeyUpdate, alerts), no app holds back: a client that provokes it and takes none of
        it would fill our memory (RFC 8446 section 4.6.3).
        """
        if self._choked:
            self._unheard += self._outgoing.pending
        self._flush()
        if self._unheard > UNHEARD_BYTES:
            self._raw.abort()

    def _break_off(self) -> None:
        """What came is not what the client sent: it is told so, and nothing more is believed."""
        self._flush()
        self._raw.abort()

    def _end(self) -> None:
        self._ended = True
        self._stays = bool(self._app.eof_received())
        if not self._stays:
            self.close()

    def eof_received(self) -> bool:
        """Some clients shut down without a goodbye. What they have sent is whole by its own measure, or it is not."""
        if not self._ended:
            self._end()
        return self._stays

    def pause_writing(self) -> None:
        self._choked = True
        self._app.pause_writing()

    def resume_writing(self) -> None:
        self._choked = False
        self._unheard = 0
        self._app.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._app.connection_lost(exc)

    # -- what the app does

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._shut or self._raw.is_closing():
            return
        left = memoryview(data)
        try:
            while left:
                left = left[self._tls.write(left) :]
        except ssl.SSLError:
            self._raw.abort()
            return
        self._flush()

    def _flush(self) -> None:
        if not self._raw.is_closing():
            self._raw.write(self._outgoing.read())

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._shut:
            self._say_goodbye()
            self._raw.write_eof()

    def close(self) -> None:
        if not self._shut:
            self._say_goodbye()
        self._raw.close()

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # it would wait for the client's, which is not needed
            self._tls.unwrap()
        self._flush()
        self._shut = True

    def abort(self) -> None:
        self._shut = True
        self._raw.abort()

    def is_closing(self) -> bool:
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._raw.get_write_buffer_size()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._app = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._app

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._tls
        return self._tls.context if name == "sslcontext" else self._raw.get_extra_info(name, default)
