"""What may go wrong in a journey, in words that never hold a secret.

NoAnswerError        nothing, or not all, of an answer came
JourneyFailedError   a step was not what it must be; ends the journey
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BODY_CHARACTERS = 200
_TOKENS = re.compile(r'("(?:access_token|refresh_token|password|current_password|new_password)"\s*:\s*")[^"]*')
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class NoAnswerError(Exception):
    """The connection failed, or time ran out. The message says which, in words."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One journey's end, for people. step, reason: what failures are counted by; status is 0 without an answer."""

    journey: str
    user: int
    step: str
    reason: str
    status: int = 0
    side: str = ""
    request_id: str = ""
    body: str = ""

    def __str__(self) -> str:
        where = f"{self.status or 'no answer'}{f' by {self.side}' if self.side else ''}"
        said = f": {self.body}" if self.body else ""
        return f"{self.journey} {self.user}, {self.step}: {self.reason} ({where}, request {self.request_id}){said}"


class JourneyFailedError(Exception):
    """Raised by a step. reason: without what is one user's alone, so that equal failures are counted as one."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason = step, reason


def short(body: bytes, secrets: Iterable[str]) -> str:
    """The beginning of a body in one line, without the user's secrets and without anything that looks like a token."""
    text = body[: 16 * BODY_CHARACTERS].decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _JWT.sub("***", _TOKENS.sub(r"\1***", text))
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= BODY_CHARACTERS else text[:BODY_CHARACTERS] + "..."
