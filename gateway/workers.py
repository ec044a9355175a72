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
    """One worker per slot, and its successor or predecessor beside it while they are replaced. One that does not answer
    in time counts as down.
    """

    def __init__(self, process: Process) -> None:
        self._slots = [f"w{number}" for number in range(process.settings.workers)]
        self._inner = {slot: [_Inner(slot, process.socket_path(slot, turn)) for turn in (0, 1)] for slot in self._slots}
        self.unresponsive: frozenset[str] = frozenset()
        """Slots whose process is there but does not answer: it may still be serving by what it holds."""
        self._newest_revs: dict[str, int] = {}
        self.leaving: tuple[WorkerState, ...] = ()
        """Workers that still serve what they have, while a successor has their slot."""

    async def ask(self) -> dict[str, WorkerState | None]:
        """What each worker holds now, by slot; None for one that does not answer."""
        hung: set[str] = set()
        found = await asyncio.gather(*(self._states(slot, hung) for slot in self._slots))
        self.unresponsive = frozenset(hung)
        for state in (state for states in found for state in states):
            for name, held in state.features.items():
                self._newest_revs[name] = max(held.rev, self._newest_revs.get(name, 0))
        self.leaving = tuple(state for states in found for state in states[1:])
        return {slot: states[0] if states else None for slot, states in zip(self._slots, found, strict=True)}

    def newest_rev(self, feature: str) -> int:
        """The highest revision of a feature's flag that a worker ever said it holds; 0 for none."""
        return self._newest_revs.get(feature, 0)

    async def first_up(self) -> WorkerState | None:
        """The first answer that comes, without waiting for a worker that hangs; None when nobody answers."""
        inner = [each for slot in self._slots for each in self._inner[slot]]
        asked = [asyncio.ensure_future(each.state(set())) for each in inner]
        try:
            for answer in asyncio.as_completed(asked):
                state = await answer
                if state is not None and not state.draining:
                    return state
        finally:
            for task in asked:
                task.cancel()
        return None

    async def _states(self, slot: str, hung: set[str]) -> list[WorkerState]:
        """The one that has the slot first: of two that answer, the one that serves on, and the younger."""
        found = await asyncio.gather(*(each.state(hung) for each in self._inner[slot]))
        states = [state for state in found if state is not None]
        return sorted(states, key=lambda state: (state.draining, -state.started))

    async def explain(self, question: bytes) -> tuple[int, bytes] | None:
        """The answer of the first worker that is up; None when none is."""
        for inner in (each for slot in self._slots for each in self._inner[slot]):
            answer = await inner.explain(question)
            if answer is not None:
                return answer
        return None

    async def close(self) -> None:
        """Closes the connections."""
        for inner in (each for slot in self._slots for each in self._inner[slot]):
            await inner.close()


class _Inner:
    """One worker's inner socket."""

    def __init__(self, slot: str, path: Path) -> None:
        self._slot = slot
        self._path = path
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://worker", timeout=ASK_SECONDS)

    async def state(self, hung: set[str]) -> WorkerState | None:
        """hung: takes the slot of one that is there and does not answer."""
        for _ in range(TRIES if self._path.exists() else 0):
            try:
                reply = await self._client.get("/state")
                return WorkerState.model_validate_json(reply.content)
            except httpx.ConnectError:
                return None  # nobody listens
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                continue  # it died while it answered, or closed an idle connection
            except (httpx.HTTPError, ValueError):
                hung.add(self._slot)
                return None
        return None

    async def explain(self, question: bytes) -> tuple[int, bytes] | None:
        """None when it is not there."""
        if not self._path.exists():
            return None
        try:
            reply = await self._client.post("/explain", content=question)
        except httpx.HTTPError:
            return None
        return reply.status_code, reply.content

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()
