"""/api/v1/resumes*"""

from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from legacy_backend.api.deps import current_user, parse_page, private, resource, resume_service
from legacy_backend.api.errors import RequestValidationError
from legacy_backend.api.file_response import file_response
from legacy_backend.api.schemas import ResumeListOut, ResumeOut
from legacy_backend.api.upload_form import UploadForm


async def list_resumes(request: Request) -> Response:
    """The signed-in user's own, newest first."""
    user = await current_user(request)
    page = parse_page(request)
    resumes, total = await resume_service(request).list_resumes(user.id, page.limit, page.offset)
    return private(ResumeListOut(resumes=[ResumeOut.model_validate(resume) for resume in resumes], total=total))


async def upload_resume(request: Request) -> Response:
    """Each chunk is on the disk before the next is asked for, so a client sends no faster than we write."""
    user = await current_user(request)
    form = UploadForm(request.headers.get("Content-Type"), request.app.state.max_upload_bytes)
    async with resume_service(request).receive_file() as incoming:
        async for chunk in request.stream():
            if data := form.feed(chunk):
                await incoming.write(data)
        form.finish()
        filename = checked_filename(form, incoming.size_bytes)
        resume = await resume_service(request).create_resume(user.id, incoming, filename)
    return private(ResumeOut.model_validate(resume), 201, location=f"/api/v1/resumes/{resume.id}")


def checked_filename(form: UploadForm, size_bytes: int) -> bytes:
    """Answered 422 when there is not exactly one file, with a name and something in it."""
    if form.filename is None or form.has_nameless_file:
        raise RequestValidationError.of_field("file", "missing")
    if form.file_parts > 1:
        raise RequestValidationError.of_field("file", PydanticCustomError("value_error", "Only one file is allowed"))
    if not size_bytes:
        raise RequestValidationError.of_field("file", PydanticCustomError("value_error", "File is empty"))
    return form.filename


async def get_resume(request: Request) -> Response:
    user = await current_user(request)
    resume = await resume_service(request).get_resume(user.id, request.path_params["resume_id"])
    return private(ResumeOut.model_validate(resume))


async def download_resume(request: Request) -> Response:
    user = await current_user(request)
    stored = await resume_service(request).open_file(user.id, request.path_params["resume_id"])
    return file_response(request, stored)


async def delete_resume(request: Request) -> Response:
    user = await current_user(request)
    await resume_service(request).delete_resume(user.id, request.path_params["resume_id"])
    return Response(status_code=204)


routes = [
    resource("/api/v1/resumes", GET=list_resumes, POST=upload_resume),
    resource("/api/v1/resumes/{resume_id}", GET=get_resume, DELETE=delete_resume),
    Route("/api/v1/resumes/{resume_id}/file", download_resume, methods=["GET"]),
]
