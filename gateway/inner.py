"""The private HTTP API of a worker on a unix socket: its state, and `explain`. Only the control process asks."""

import socket
from pathlib import Path
from typing import Protocol

import orjson
import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.report import WorkerState


class Question(BaseModel):
    """`gateway explain METHOD URL`: the request to explain."""

    method: str = "GET"
    url: str
    headers: list[tuple[str, str]] = Field(default_factory=list)
    client_ip: str = "127.0.0.1"


class Answers(Protocol):
    """What `Worker` offers."""

    def state(self) -> WorkerState:
        """What it holds now."""
        ...

    def explain(self, question: Question) -> dict[str, object]:
        """How it would serve a request. Raises ValueError when the question makes no sense."""
        ...


class InnerServer:
    """Serves `Answers` on a unix socket that only this user may open."""

    def __init__(self, answers: Answers, path: Path) -> None:
        self._answers = answers
        self._path = path
        self._listener: socket.socket | None = None
        app = Starlette(
            routes=[Route("/state", self._state), Route("/explain", self._explain, methods=["POST"])],
        )
        self._server = uvicorn.Server(
            uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        )

    async def start(self) -> None:
        """Replaces a dead predecessor's socket."""
        self._path.unlink(missing_ok=True)
        listener = self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        listener.listen(64)
        listener.setblocking(False)
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=[listener])

    async def stop(self) -> None:
        """Closes it."""
        for server in self._server.servers:
            server.close()
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._server.server_state.connections):
            connection.shutdown()
        self._path.unlink(missing_ok=True)

    async def _state(self, _: Request) -> Response:
        return Response(self._answers.state().model_dump_json(), media_type="application/json")

    async def _explain(self, request: Request) -> Response:
        try:
            question = Question.model_validate_json(await request.body())
            return Response(orjson.dumps(self._answers.explain(question)), media_type="application/json")
        except (ValidationError, ValueError) as error:
            return Response(orjson.dumps({"error": str(error)}), status_code=422, media_type="application/json")
