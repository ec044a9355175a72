"""A job's events as server-sent events (WHATWG HTML, 9.2), read from the database, whichever side runs the job.

A stream ends with the job, with its client, with the server, or when the database goes away; in the last two cases the
client comes back with the number of the last event that it saw.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

import structlog

from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.models import JobEvent
from new_backend.features.ai_agents.repository import Story
from new_backend.features.ai_agents.schemas import EventResponse
from new_backend.features.ai_agents.service import JobService
from new_backend.infrastructure.persistence.postgres.connection import UNAVAILABLE, first_line

LOOK_SECONDS = 0.2
KEEP_ALIVE_SECONDS = 15.0
_EVENTS_AT_ONCE = 100
_MAX_SEQ = 2**31 - 1

_log = structlog.get_logger()


class Follower:
    """Makes streams."""

    def __init__(self, service: JobService, changes: Changes) -> None:
        self._service = service
        self._changes = changes

    async def follow(self, job_id: str, *, after: int) -> AsyncIterator[bytes]:
        """The text of the stream, in pieces, from the event after that one."""
        try:
            async with aclosing(self._pieces(job_id, after)) as pieces:
                async for piece in pieces:
                    yield piece
        except UNAVAILABLE as error:
            _log.error("events: database unavailable", error=type(error).__name__, reason=first_line(error))

    async def _pieces(self, job_id: str, after: int) -> AsyncGenerator[bytes, None]:
        yield b"retry: 1000\n\n"
        spoke = time.monotonic()
        with self._changes.watching(job_id) as changed:
            while not self._changes.closed:
                changed.clear()
                story = await self._service.story(job_id, after=after, limit=_EVENTS_AT_ONCE)
                text = _tell(story)
                if text:
                    yield text
                    spoke = time.monotonic()
                if story is None or story.ended is not None:
                    return
                if story.events:
                    after = story.events[-1].seq
                    continue
                if time.monotonic() - spoke >= KEEP_ALIVE_SECONDS:
                    yield b": keep-alive\n\n"
                    spoke = time.monotonic()
                await _wait(changed)


def last_event_id(header: str | None) -> int:
    """0, which is before the first, for what is no number."""
    text = (header or "").strip()
    if not re.fullmatch(r"[0-9]+", text):
        return 0
    digits = text.lstrip("0") or "0"
    return min(int(digits), _MAX_SEQ) if len(digits) <= 10 else _MAX_SEQ


def _tell(story: Story | None) -> bytes:
    if story is None:
        return _end("deleted")
    told = b"".join(_event(event) for event in story.events)
    return told if story.ended is None else told + _end(story.ended)


def _event(event: JobEvent) -> bytes:
    data = EventResponse.model_validate(event).model_dump_json()
    return f"id: {event.seq}\nevent: progress\ndata: {data}\n\n".encode()


def _end(status: str) -> bytes:
    return f"event: end\ndata: {json.dumps({'status': status}, separators=(',', ':'))}\n\n".encode()


async def _wait(changed: asyncio.Event) -> None:
    """Until something happened here, or it is time to look what happened elsewhere."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await changed.wait()
