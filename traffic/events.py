"""Server-sent events: bytes to events (WHATWG HTML, 9.2.6), and the rules that a job's events keep.

Nothing here waits: bytes are fed as they come, in whatever pieces.
"""

import codecs
from dataclasses import dataclass, field

import orjson

FINAL = frozenset({"succeeded", "failed", "cancelled"})
MAX_LINE_CHARACTERS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """id: empty where the event brought none."""

    name: str
    data: str
    id: str = ""


@dataclass(slots=True)
class EventReader:
    """Feed it; it returns the events that are complete. retry_ms: what the server last said, None before."""

    retry_ms: int | None = None
    _decode: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))
    _text: str = ""
    _name: str = ""
    _data: list[str] = field(default_factory=list)
    _id: str = ""
    _first: bool = True

    def feed(self, data: bytes) -> list[Event]:
        """Raises ValueError for a line that never ends."""
        self._text += self._decode.decode(data)
        if self._first and self._text:
            self._text, self._first = self._text.removeprefix("\ufeff"), False
        events = []
        while (line := self._next_line()) is not None:
            if (event := self._take(line)) is not None:
                events.append(event)
        if len(self._text) > MAX_LINE_CHARACTERS:
            raise ValueError("a line of the event stream does not end")
        return events

    def _next_line(self) -> str | None:
        """Lines end with LF, CR or CRLF; a CR at the end of what has come waits for what may follow it."""
        ends = [at for at in (self._text.find("\n"), self._text.find("\r")) if at >= 0]
        if not ends:
            return None
        at = min(ends)
        if self._text[at] == "\r" and at + 1 == len(self._text):
            return None
        width = 2 if self._text.startswith("\r\n", at) else 1
        line, self._text = self._text[:at], self._text[at + width :]
        return line

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value)
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data), self._id) if self._data else None
        self._name, self._data, self._id = "", [], ""
        return event


class EventsError(Exception):
    """A job's events are not what they must be. The message says how."""


@dataclass(slots=True)
class JobEvents:
    """Reads one job's events, over as many connections as it takes. last: the number of the last one; ended: the status
    that `end` told.
    """

    last: int = 0
    ended: str = ""
    _status: str = ""
    _progress: int = 0
    _attempt: int = 0

    def take(self, event: Event) -> None:
        """Raises EventsError."""
        data = _object(event.data)
        if event.name == "end":
            self._end(data.get("status"))
            return
        self._count(event.id)
        status, progress, attempt = data.get("status"), data.get("progress"), data.get("attempt")
        if not (isinstance(status, str) and isinstance(progress, int) and isinstance(attempt, int)):
            raise EventsError("an event lacks status, progress or attempt")
        if (attempt, status) == (self._attempt, self._status) and progress < self._progress:
            raise EventsError("progress goes back")
        if attempt < self._attempt:
            raise EventsError("an attempt goes back")
        self._status, self._progress, self._attempt = status, progress, attempt

    def _count(self, seq: str) -> None:
        if not (seq.isascii() and seq.isdigit()):
            raise EventsError("an event has no number")
        number = int(seq)
        if number <= self.last:
            raise EventsError("an event came twice")
        if number > self.last + 1:
            raise EventsError("a hole in the events")
        self.last = number

    def _end(self, status: object) -> None:
        if status == "deleted":
            raise EventsError("the job is gone")
        if not isinstance(status, str) or status not in FINAL:
            raise EventsError("the stream's end tells no final status")
        if status != self._status:
            raise EventsError("the stream ends with another status than its last event's")
        self.ended = status


def _object(text: str) -> dict[str, object]:
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise EventsError("an event's data is no JSON object")
    return found
