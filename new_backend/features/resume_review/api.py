"""The feature's endpoints, /api/v1/reviews*. The old application answers each alike, byte for byte."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from new_backend.features.auth.signed_in import SignedIn
from new_backend.features.resume_review.markdown import to_markdown
from new_backend.features.resume_review.schemas import (
    AddCommentRequest,
    CommentResponse,
    CreateReviewRequest,
    ReviewResponse,
    ReviewsResponse,
)
from new_backend.features.resume_review.service import ReviewService
from new_backend.infrastructure.http.answers import NO_STORE, private_json
from new_backend.infrastructure.http.body import read_json
from new_backend.infrastructure.http.paging import read_page
from new_backend.infrastructure.http.routes import resource

PREFIX = "/api/v1/reviews"


class ReviewApi:
    def __init__(self, service: ReviewService, signed_in: SignedIn) -> None:
        self._service = service
        self._signed_in = signed_in

    def routes(self) -> list[Route]:
        one = f"{PREFIX}/{{review_id}}"
        return [
            resource(PREFIX, get=self.list, post=self.create),
            resource(one, get=self.get, delete=self.delete),
            resource(f"{one}/export.md", get=self.export),
            resource(f"{one}/comments", post=self.add_comment),
            resource(f"{one}/comments/{{comment_id}}", delete=self.delete_comment),
        ]

    async def list(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        page = read_page(request)
        reviews, total = await self._service.list(user_id, limit=page.limit, offset=page.offset)
        return private_json(ReviewsResponse.model_validate({"reviews": reviews, "total": total}))

    async def create(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        review = await self._service.create(await read_json(request, CreateReviewRequest), user_id=user_id)
        location = {"Location": f"{PREFIX}/{review.id}"}
        return private_json(ReviewResponse.model_validate(review), status=201, headers=location)

    async def get(self, request: Request) -> Response:
        return private_json(await self._review(request))

    async def delete(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        await self._service.delete(request.path_params["review_id"], user_id=user_id)
        return Response(status_code=204)

    async def export(self, request: Request) -> Response:
        review = await self._review(request)
        headers = {**NO_STORE, "Content-Disposition": f'attachment; filename="review-{review.id}.md"'}
        return Response(to_markdown(review), headers=headers, media_type="text/markdown; charset=utf-8")

    async def add_comment(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        body = await read_json(request, AddCommentRequest)
        comment = await self._service.comment(request.path_params["review_id"], body, user_id=user_id)
        return private_json(CommentResponse.model_validate(comment), status=201)

    async def delete_comment(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        review_id, comment_id = request.path_params["review_id"], request.path_params["comment_id"]
        await self._service.delete_comment(review_id, comment_id, user_id=user_id)
        return Response(status_code=204)

    async def _review(self, request: Request) -> ReviewResponse:
        user_id = await self._signed_in.user_id(request)
        found = await self._service.get(request.path_params["review_id"], user_id=user_id)
        review = ReviewResponse.model_validate(found.review)
        review.comments = [CommentResponse.model_validate(comment) for comment in found.comments]
        return review
