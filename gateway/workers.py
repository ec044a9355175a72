"""The control process's view of this machine's workers: asked over their inner sockets, never guessed."""

import asyncio
from pathlib import Path

import httpx
import structlog

from gateway.report import WorkerState
from gateway.settings import Process

ASK_SECONDS = 0.7
"""Below the second that a scrape or a probe may take as a whole."""
TRIES = 2
"""A connection that was kept open may be closed by the worker at the moment of the question."""

log = structlog.get_logger("control")


class Workers:
    """One client per slot. A worker that does not answer in time counts as down."""

    def __init__(self, process: Process) -> None:
        self._slots = [f"w{number}" for number in range(process.settings.workers)]
        self._clients = {slot: _client(process.socket_path(slot)) for slot in self._slots}
        self.unresponsive: frozenset[str] = frozenset()
        """Slots whose process is there but does not answer: it may still be serving by what it holds."""
        self._newest_revs: dict[str, int] = {}

    async def ask(self) -> dict[str, WorkerState | None]:
        """What each worker holds now, by slot; None for one that does not answer."""
        hung: set[str] = set()
        states = await asyncio.gather(*(self._state(slot, hung) for slot in self._slots))
        self.unresponsive = frozenset(hung)
        for state in states:
            for name, held in state.features.items() if state is not None else ():
                self._newest_revs[name] = max(held.rev, self._newest_revs.get(name, 0))
        return dict(zip(self._slots, states, strict=True))

    def newest_rev(self, feature: str) -> int:
        """The highest revision of a feature's flag that a worker ever said it holds; 0 for none."""
        return self._newest_revs.get(feature, 0)

    async def first_up(self) -> WorkerState | None:
        """The first answer that comes, without waiting for a worker that hangs; None when nobody answers."""
        asked = [asyncio.ensure_future(self._state(slot, set())) for slot in self._slots]
        try:
            for answer in asyncio.as_completed(asked):
                state = await answer
                if state is not None and not state.draining:
                    return state
        finally:
            for task in asked:
                task.cancel()
        return None

    async def _state(self, slot: str, hung: set[str]) -> WorkerState | None:
        for _ in range(TRIES):
            try:
                reply = await self._clients[slot].get("/state")
                return WorkerState.model_validate_json(reply.content)
            except httpx.ConnectError:
                return None  # nobody listens
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                continue  # it died while it answered, or closed an idle connection
            except (httpx.HTTPError, ValueError):
                hung.add(slot)
                return None
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
