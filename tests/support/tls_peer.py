"""Certificates for tests, and a TLS client that does exactly what a test says: record by record, goodbye or none.

pair = issue(directory, "shop.example")
async with dialed(port) as peer:
    await peer.shake_hands("shop.example")
"""

import asyncio
import contextlib
import datetime as dt
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

AUTHORITY = trustme.CA()


def trusting(**options):
    """A client's context that trusts the tests' authority; options are set on it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    for name, value in options.items():
        setattr(context, name, value)
    return context


def server_context(*names):
    """A server's, with a certificate for these names (localhost where none is given)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*(names or ("localhost",))).configure_cert(context)
    return context


@dataclass(frozen=True)
class Pair:
    """The files of one certificate. `put` writes another one in their place, both whole."""

    certificate: Path
    key: Path

    def put(self, *names, days=(None, None)):
        """days: from and until when it is valid, counted from now; for ever where there is none."""
        start, end = (None if each is None else dt.datetime.now(dt.UTC) + dt.timedelta(each) for each in days)
        made = AUTHORITY.issue_cert(*names, not_before=start, not_after=end)
        self.write(b"".join(each.bytes() for each in made.cert_chain_pems), made.private_key_pem.bytes())
        return self

    def write(self, certificate=None, key=None):
        for path, content in ((self.certificate, certificate), (self.key, key)):
            if content is not None:
                beside = path.with_name(f"{path.name}.new")
                beside.write_bytes(content)
                beside.replace(path)


def issue(directory, name, *names, **more):
    """A pair in files of this name, for `names`."""
    directory.mkdir(parents=True, exist_ok=True)
    return Pair(directory / f"{name}.pem", directory / f"{name}.key").put(*(names or (name,)), **more)


class TlsPeer:
    """The client's side. `data`: what was read; `goodbye`: whether the server has ended it as TLS does."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.data = b""
        self.goodbye = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = None

    def begin(self, name="localhost", context=None):
        """The client's first words, not sent yet."""
        context = context or trusting()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._out.read()

    async def shake_hands(self, name="localhost", context=None, *, step=None):
        """step: sends so many bytes at a time."""
        await self.raw(self.begin(name, context), step=step)
        await self.raw(await self.last_words(step=step), step=step)

    async def last_words(self, *, step=None):
        """Goes on where `begin` has been sent, up to what ends the handshake, which is not sent yet."""
        while True:
            piece = await self.reader.read(65_536)
            self._in.write(piece)
            if not piece:
                self._in.write_eof()
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.raw(self._out.read(), step=step)
            except ssl.SSLError:
                await self.raw(self._out.read())
                raise
            else:
                return self._out.read()

    async def raw(self, data, *, step=None):
        for at in range(0, len(data), step or max(len(data), 1)):
            self.writer.write(data[at : at + (step or len(data))])
            await self.writer.drain()

    def sealed(self, data):
        """As records, not sent yet."""
        self.tls.write(data)
        return self._out.read()

    async def send(self, data, *, step=None):
        await self.raw(self.sealed(data), step=step)

    async def say_goodbye(self):
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        await self.raw(self._out.read())

    async def read(self, until=None):
        """What comes until these bytes are there, or to the end of the connection. Raises ConnectionError."""
        while until is None or until not in self.data:
            piece = await self.reader.read(65_536)
            if not piece:
                break
            self._in.write(piece)
            with contextlib.suppress(ssl.SSLWantReadError):
                while not self.goodbye:
                    self._open()
        return self.data

    def _open(self):
        try:
            found = self.tls.read(65_536)
        except ssl.SSLZeroReturnError:  # said so only to one that has said goodbye itself
            found = b""
        self.goodbye = not found
        self.data += found


@contextlib.asynccontextmanager
async def dialed(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield TlsPeer(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class KeyUpdates:
    """A client's KeyUpdate records, each asking for one in return (RFC 8446 section 4.6.3): Python's TLS sends none.

    secret: CLIENT_TRAFFIC_SECRET_0 of the context's key log, of TLS_AES_256_GCM_SHA384. sent: records that the client
    has already sealed with it; after the first of these, it can seal none any more.
    """

    _WORDS = b"\x18\x00\x00\x01\x01\x16"

    def __init__(self, key_log, *, sent):
        (line,) = [line for line in key_log.read_text().splitlines() if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")]
        self._secret = bytes.fromhex(line.split()[2])
        self._sealed = sent

    def records(self, count):
        return b"".join(self._next() for _ in range(count))

    def _next(self):
        head = b"\x17\x03\x03" + (len(self._WORDS) + 16).to_bytes(2)
        nonce = int.from_bytes(self._derived(b"iv", 12)) ^ self._sealed
        key = AESGCM(self._derived(b"key", 32))
        self._secret, self._sealed, record = (
            self._derived(b"traffic upd", 48),
            0,
            head + key.encrypt(nonce.to_bytes(12), self._WORDS, head),
        )
        return record

    def _derived(self, label, length):
        label = b"tls13 " + label
        info = length.to_bytes(2) + bytes((len(label),)) + label + b"\0"
        return hmac.digest(self._secret, info + b"\1", "sha384")[:length]
