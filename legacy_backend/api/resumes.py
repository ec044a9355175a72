"""/api/v1/resumes: still the old application's alone."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from legacy_backend.api.deps import current_user, private, resume_service
from legacy_backend.api.schemas import ResumeListOut, ResumeOut


async def list_resumes(request: Request) -> Response:
    """The signed-in user's own, newest first."""
    user = await current_user(request)
    resumes = await resume_service(request).list_resumes(user.id)
    return private(ResumeListOut(resumes=[ResumeOut.model_validate(resume) for resume in resumes]))


routes = [Route("/api/v1/resumes", list_resumes, methods=["GET"])]
