"""The control process's view of this machine's workers: asked over their inner sockets, never guessed."""

import asyncio
from pathlib import Path

import httpx
import structlog

from gateway.report import WorkerState
from gateway.settings import Process

ASK_SECONDS = 1.0

log = structlog.get_logger("control")


class Workers:
    """One client per slot. A worker that does not answer in time counts as down."""

    def __init__(self, process: Process) -> None:
        self._slots = [f"w{number}" for number in range(process.settings.workers)]
        self._clients = {slot: _client(process.socket_path(slot)) for slot in self._slots}
        self.last: dict[str, WorkerState | None] = dict.fromkeys(self._slots)
        self.unresponsive: frozenset[str] = frozenset()
        """Slots whose process is there but does not answer: it may still be serving by what it holds."""

    async def ask(self) -> dict[str, WorkerState | None]:
        """What each worker holds now, by slot; None for one that does not answer."""
        hung: set[str] = set()
        states = await asyncio.gather(*(self._state(slot, hung) for slot in self._slots))
        self.last, self.unresponsive = dict(zip(self._slots, states, strict=True)), frozenset(hung)
        return self.last

    async def _state(self, slot: str, hung: set[str]) -> WorkerState | None:
        try:
            reply = await self._clients[slot].get("/state")
            return WorkerState.model_validate_json(reply.content)
        except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
            return None  # nobody listens, or it died while it answered
        except (httpx.HTTPError, ValueError):
            hung.add(slot)
            return None

    async def explain(self, question: bytes) -> tuple[int, bytes] | None:
        """The answer of the first worker that is up; None when none is."""
        for client in self._clients.values():
            try:
                reply = await client.post("/explain", content=question)
            except httpx.HTTPError:
                continue
            return reply.status_code, reply.content
        return None

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.aclose()


def _client(path: Path) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    return httpx.AsyncClient(transport=transport, base_url="http://worker", timeout=ASK_SECONDS)
