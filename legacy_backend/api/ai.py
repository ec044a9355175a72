"""/api/v1/ai/*"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from legacy_backend.api.deps import current_user, job_service, parse_body, parse_page, private, resource
from legacy_backend.api.errors import RequestValidationError
from legacy_backend.api.job_stream import JobStream, parse_last_event_id
from legacy_backend.api.schemas import AgentListOut, AgentOut, JobListOut, JobOut, StartJobBody
from resumekit.agents import AGENTS


async def list_agents(_request: Request) -> Response:
    agents = AgentListOut(agents=[AgentOut.model_validate(agent) for agent in AGENTS.values()])
    return JSONResponse(agents.model_dump(mode="json"))


async def list_jobs(request: Request) -> Response:
    """The signed-in user's own, newest first."""
    user = await current_user(request)
    page = parse_page(request)
    jobs, total = await job_service(request).list_jobs(user.id, page.limit, page.offset)
    return private(JobListOut(jobs=[JobOut.model_validate(job) for job in jobs], total=total))


async def start_job(request: Request) -> Response:
    user = await current_user(request)
    body = await parse_body(request, StartJobBody)
    job_text = body.job_text if body.job_text and body.job_text.strip() else None
    if job_text is None and AGENTS[body.agent].needs_job_text:
        raise RequestValidationError.of_field("job_text", "missing")
    job = await job_service(request).create_job(user.id, body.resume_id, body.agent, job_text)
    return private(JobOut.model_validate(job), 202, location=f"/api/v1/ai/jobs/{job.id}")


async def get_job(request: Request) -> Response:
    user = await current_user(request)
    return private(JobOut.model_validate(await job_service(request).get_job(user.id, request.path_params["job_id"])))


async def follow_job(request: Request) -> Response:
    user = await current_user(request)
    job = await job_service(request).get_job(user.id, request.path_params["job_id"])
    return JobStream(job_service(request), job.id, parse_last_event_id(request.headers.get("Last-Event-ID")))


async def cancel_job(request: Request) -> Response:
    user = await current_user(request)
    job = await job_service(request).cancel_job(user.id, request.path_params["job_id"])
    return private(JobOut.model_validate(job))


async def retry_job(request: Request) -> Response:
    user = await current_user(request)
    job = await job_service(request).retry_job(user.id, request.path_params["job_id"])
    return private(JobOut.model_validate(job), 202)


routes = [
    Route("/api/v1/ai/agents", list_agents, methods=["GET"]),
    resource("/api/v1/ai/jobs", GET=list_jobs, POST=start_job),
    Route("/api/v1/ai/jobs/{job_id}", get_job, methods=["GET"]),
    Route("/api/v1/ai/jobs/{job_id}/events", follow_job, methods=["GET"]),
    Route("/api/v1/ai/jobs/{job_id}/cancel", cancel_job, methods=["POST"]),
    Route("/api/v1/ai/jobs/{job_id}/retry", retry_job, methods=["POST"]),
]
