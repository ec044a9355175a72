"""What goes over the wire: the requests of each kind of work, and the replies that the origins give.

The origin and the load generator share this module, so that a reply is checked to the byte and not only counted.
"""

from dataclasses import dataclass
from enum import StrEnum

SHARE = 10
"""The percent of users that every contestant sends to new."""

USERS = 10_000
"""Different users in the load, each with a cookie; a request's path and user go together."""

COOKIE = "gateway_id"
HOST = "shop.test"
SIDE_HEADER = "X-Side"
MIB = 1024 * 1024


class Side(StrEnum):
    LEGACY = "legacy"
    NEW = "new"


BODIES = {
    side: b'{"id":"4fc1b562-68cb-465e-905d-e13a4801cdf9","served_by":"%-6s","stock":1204}' % side.encode()
    for side in Side
}
"""The small document of each side; both are of one length."""

FORM = (b'{"quantity":1,"note":"' + b"x" * 300)[:298] + b'"}'
"""300 bytes that are posted."""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request and what its reply must be.

    reply_bytes: the length of a reply that is bulk; None for the small document.
    body: what each request carries; megabytes_each: MiB that one exchange moves, 0 where requests are what counts.
    """

    name: str
    method: str = "GET"
    prefix: str = "/items"
    body: bytes = b""
    upload_bytes: int = 0
    reply_bytes: int | None = None
    headers: int = 0
    cookie_bytes: int = 0

    @property
    def mib_each(self) -> float:
        return max(self.upload_bytes, self.reply_bytes or 0) / MIB

    def payload(self) -> bytes:
        """The body of every request."""
        return bytes(self.upload_bytes) if self.upload_bytes else self.body

    def heads(self) -> list[bytes]:
        """The head of each user's request, ready to be sent."""
        length = self.upload_bytes or len(self.body)
        return [self._head(user, length) for user in range(USERS)]

    def _head(self, user: int, length: int) -> bytes:
        lines = [
            f"{self.method} {self.prefix}/{user:04}/stock HTTP/1.1",
            f"Host: {HOST}",
            "User-Agent: bench/1",
            "Accept: application/json",
            *(f"X-Field-{number:02}: a value as long as they are {number:02}" for number in range(self.headers)),
            f"Cookie: {self._cookies(user)}",
        ]
        if length:
            lines += ["Content-Type: application/json", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode()

    def _cookies(self, user: int) -> str:
        own = f"{COOKIE}=5e1f{user:08x}a0c4{user:016x}"
        others = ""
        number = 0
        while len(others) + len(own) < self.cookie_bytes:
            others += f"preference_{number}=d41d8cd98f00b204e9800998ecf8427e; "
            number += 1
        return others + own


WORKS = {
    work.name: work
    for work in (
        Work("get"),
        Work("post", method="POST", body=FORM),
        Work("headers", headers=20 - 4, cookie_bytes=1000),
        Work("down-1m", prefix="/bulk1", reply_bytes=MIB),
        Work("down-100m", prefix="/bulk100", reply_bytes=100 * MIB),
        Work("up-10m", method="PUT", prefix="/upload", upload_bytes=10 * MIB),
    )
}
"""`headers` has 20 in all, with host, agent, accept and cookie."""
