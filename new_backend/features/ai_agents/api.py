"""The feature's endpoints, /api/v1/ai/*. The old application answers each alike, byte for byte."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from new_backend.features.ai_agents.schemas import (
    AgentResponse,
    AgentsResponse,
    JobResponse,
    JobsResponse,
    StartJobRequest,
)
from new_backend.features.ai_agents.service import JobService
from new_backend.features.ai_agents.stream import Follower, last_event_id
from new_backend.features.auth.signed_in import SignedIn
from new_backend.infrastructure.http.answers import NO_STORE, private_json
from new_backend.infrastructure.http.body import read_json
from new_backend.infrastructure.http.errors import InvalidRequestError
from new_backend.infrastructure.http.paging import read_page
from new_backend.infrastructure.http.routes import resource
from resumekit.agents import AGENTS

PREFIX = "/api/v1/ai"
_STREAM_HEADERS = {**NO_STORE, "X-Accel-Buffering": "no", "Content-Type": "text/event-stream; charset=utf-8"}


class JobsApi:
    def __init__(self, service: JobService, follower: Follower, signed_in: SignedIn) -> None:
        self._service = service
        self._follower = follower
        self._signed_in = signed_in
        self._agents = AgentsResponse(agents=[AgentResponse.model_validate(agent) for agent in AGENTS.values()])

    def routes(self) -> list[Route]:
        return [
            resource(f"{PREFIX}/agents", get=self.agents),
            resource(f"{PREFIX}/jobs", get=self.list, post=self.start),
            resource(f"{PREFIX}/jobs/{{job_id}}", get=self.get),
            resource(f"{PREFIX}/jobs/{{job_id}}/events", get=self.events),
            resource(f"{PREFIX}/jobs/{{job_id}}/cancel", post=self.cancel),
            resource(f"{PREFIX}/jobs/{{job_id}}/retry", post=self.retry),
        ]

    async def agents(self, _request: Request) -> Response:
        """The same for everybody."""
        return JSONResponse(self._agents.model_dump(mode="json"))

    async def list(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        page = read_page(request)
        jobs, total = await self._service.list(user_id, limit=page.limit, offset=page.offset)
        return private_json(JobsResponse.model_validate({"jobs": jobs, "total": total}))

    async def start(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        body = await read_json(request, StartJobRequest)
        if AGENTS[body.agent].needs_job_text and not (body.job_text or "").strip():
            raise InvalidRequestError.missing("job_text")
        job = await self._service.start(body, user_id=user_id)
        location = {"Location": f"{PREFIX}/jobs/{job.id}"}
        return private_json(JobResponse.model_validate(job), status=202, headers=location)

    async def get(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        job = await self._service.get(request.path_params["job_id"], user_id=user_id)
        return private_json(JobResponse.model_validate(job))

    async def events(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        job = await self._service.get(request.path_params["job_id"], user_id=user_id)
        if request.method == "HEAD":
            return _head_of_stream()
        after = last_event_id(request.headers.get("last-event-id"))
        return StreamingResponse(self._follower.follow(job.id, after=after), headers=_STREAM_HEADERS)

    async def cancel(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        job = await self._service.cancel(request.path_params["job_id"], user_id=user_id)
        return private_json(JobResponse.model_validate(job))

    async def retry(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        job = await self._service.retry(request.path_params["job_id"], user_id=user_id)
        return private_json(JobResponse.model_validate(job), status=202)


def _head_of_stream() -> Response:
    """Without a length, as the stream has none."""
    answer = Response(headers=_STREAM_HEADERS)
    del answer.headers["content-length"]
    return answer
