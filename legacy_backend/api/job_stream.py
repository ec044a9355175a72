"""The events of a job as server-sent events. Read from the database, so it does not matter which side runs the job."""

import asyncio
import contextlib
import json
import re

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from legacy_backend.api.schemas import JobEventOut
from legacy_backend.core.database import DATABASE_ERRORS, driver_message
from legacy_backend.models.job_event import JobEvent
from legacy_backend.services.job_service import JobNews, JobService

LOOK_SECONDS = 0.15
KEEP_ALIVE_SECONDS = 15
LAST_SEQ = 2**31 - 1

logger = structlog.get_logger()


class JobStream(Response):
    """Ends when the job has, when its client leaves, and when the server shuts down: clients come back on their own."""

    media_type = "text/event-stream"

    def __init__(self, service: JobService, job_id: str, after: int) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["Content-Length"]
        self._service = service
        self._job_id = job_id
        self._after = after
        self._client_left = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            with self._service.notifier.follow(self._job_id) as changed:
                async with asyncio.TaskGroup() as tasks:
                    leaving = tasks.create_task(self._note_leaving(receive, changed), name="client leaves")
                    await self._send_events(send, changed)
                    leaving.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _note_leaving(self, receive: Receive, changed: asyncio.Event) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._client_left = True
        changed.set()

    async def _send_events(self, send: Send, changed: asyncio.Event) -> None:
        await _send_text(send, "retry: 1000\n\n")
        clock = asyncio.get_running_loop().time
        heard_at = clock()
        while not (self._client_left or self._service.notifier.closed):
            changed.clear()
            news = await self._get_news()
            if news is None:
                return
            if text := self._formatted(news):
                await _send_text(send, text)
                heard_at = clock()
            elif clock() - heard_at >= KEEP_ALIVE_SECONDS:
                await _send_text(send, ": keep-alive\n\n")
                heard_at = clock()
            if news.ending is not None:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()

    async def _get_news(self) -> JobNews | None:
        """None when the database is away: the client will ask again."""
        try:
            return await self._service.get_news(self._job_id, self._after)
        except DATABASE_ERRORS as error:
            logger.error("events: database unavailable", error=type(error).__name__, reason=driver_message(error))
            return None

    def _formatted(self, news: JobNews) -> str:
        text = "".join(_event(event) for event in news.events)
        if news.events:
            self._after = news.events[-1].seq
        if news.ending is not None:
            text += f"event: end\ndata: {_compact({'status': news.ending})}\n\n"
        return text


def parse_last_event_id(value: str | None) -> int:
    """What is no number counts as none."""
    if value is None or not re.fullmatch(r"[0-9]+", value):
        return 0
    digits = value.lstrip("0") or "0"
    return LAST_SEQ if len(digits) > 9 else int(digits)


def _event(event: JobEvent) -> str:
    data = _compact(JobEventOut.model_validate(event).model_dump())
    return f"id: {event.seq}\nevent: progress\ndata: {data}\n\n"


def _compact(data: dict[str, object]) -> str:
    return json.dumps(data, separators=(",", ":"))


async def _send_text(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
