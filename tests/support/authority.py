"""Certificates for tests of TLS: an authority that nobody knows, what it issues, and servers that show it.

ours = Authority(tmp_path)
server = ours.server("localhost")                     # an SSLContext
routes = f"tls: {{ca_file: {ours.file}}}"
"""

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import trustme

LONG_AGO = datetime.now(UTC) - timedelta(days=30)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
TOMORROW = datetime.now(UTC) + timedelta(days=1)
NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)

EXPIRED = {"not_before": LONG_AGO, "not_after": YESTERDAY}
NOT_YET = {"not_before": TOMORROW, "not_after": NEXT_YEAR}


class Authority:
    """`file`: its certificate, as PEM."""

    def __init__(self, directory, name="authority"):
        self._directory = directory
        self._name = name
        self._made = 0
        self._authority = trustme.CA()
        self.file = directory / f"{name}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, *names, **more):
        """A certificate and its key in files of their own: (certificate_file, key_file)."""
        self._made += 1
        issued = self._authority.issue_cert(*names, **more)
        certificate = self._directory / f"{self._name}-{self._made}.pem"
        key = certificate.with_suffix(".key")
        issued.private_key_pem.write_to_path(key)
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return certificate, key

    def server(self, *names, asks=None, alpn=(), newest=None, **more):
        """A server's side. asks: the authority whose clients alone it lets in. newest: version of TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*names, **more))
        if asks is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(asks.file)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if newest is not None:
            context.maximum_version = newest
        return context


def name_shown(peer):
    """The common name of the certificate that the gateway has shown to a server; None where it showed none."""
    certificate = peer.writer.get_extra_info("ssl_object").getpeercert()
    subject = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    return dict(subject).get("commonName")


@contextlib.contextmanager
def outspoken(context):
    """A server that says why it refuses a handshake, as servers do but asyncio's, which hangs up before its alert is
    out. Serves nothing; yields its URL.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_refuse_all, args=(listener, context), daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _refuse_all(listener, context):
    with contextlib.suppress(OSError):
        while True:
            link, _ = listener.accept()
            link.settimeout(10)
            with context.wrap_socket(link, server_side=True, do_handshake_on_connect=False) as wrapped:
                with contextlib.suppress(OSError):
                    wrapped.do_handshake()
                with socket.socket(fileno=wrapped.detach()) as rest, contextlib.suppress(OSError):
                    rest.shutdown(socket.SHUT_WR)
                    while rest.recv(65_536):  # unread bytes would turn the end into a reset
                        pass
