"""The feature's endpoints, /api/v1/resumes*. The old application answers each alike, byte for byte."""

from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from new_backend.features.auth.signed_in import SignedIn
from new_backend.features.upload.download import file_response
from new_backend.features.upload.schemas import ResumeResponse, ResumesResponse
from new_backend.features.upload.service import UploadService
from new_backend.infrastructure.http.answers import private_json
from new_backend.infrastructure.http.multipart import boundary_of, events_of
from new_backend.infrastructure.http.paging import read_page
from new_backend.infrastructure.http.routes import resource

PREFIX = "/api/v1/resumes"


class UploadApi:
    def __init__(self, service: UploadService, signed_in: SignedIn) -> None:
        self._service = service
        self._signed_in = signed_in

    def routes(self) -> list[Route]:
        return [
            resource(PREFIX, get=self.list, post=self.upload),
            resource(f"{PREFIX}/{{resume_id}}", get=self.get, delete=self.delete),
            resource(f"{PREFIX}/{{resume_id}}/file", get=self.download),
        ]

    async def list(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        page = read_page(request)
        resumes, total = await self._service.list(user_id, limit=page.limit, offset=page.offset)
        return private_json(ResumesResponse.model_validate({"resumes": resumes, "total": total}))

    async def upload(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        async with aclosing(events_of(request.stream(), boundary_of(request))) as events:
            resume = await self._service.upload(events, user_id=user_id)
        return private_json(
            ResumeResponse.model_validate(resume), status=201, headers={"Location": f"{PREFIX}/{resume.id}"}
        )

    async def get(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        resume = await self._service.get(request.path_params["resume_id"], user_id=user_id)
        return private_json(ResumeResponse.model_validate(resume))

    async def download(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        resume, stored = await self._service.open(request.path_params["resume_id"], user_id=user_id)
        return file_response(request, resume, stored)

    async def delete(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        await self._service.delete(request.path_params["resume_id"], user_id=user_id)
        return Response(status_code=204)
