"""/api/v1/reviews*"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from legacy_backend.api.deps import current_user, parse_body, parse_page, private, resource, review_service
from legacy_backend.api.schemas import (
    AddCommentBody,
    CommentOut,
    CreateReviewBody,
    ReviewListOut,
    ReviewOut,
    ReviewSummaryOut,
)
from legacy_backend.models.comment import Comment
from legacy_backend.models.review import Review
from legacy_backend.services.review_export import export_markdown


async def list_reviews(request: Request) -> Response:
    """The signed-in user's own, newest first."""
    user = await current_user(request)
    page = parse_page(request)
    reviews, total = await review_service(request).list_reviews(user.id, page.limit, page.offset)
    return private(ReviewListOut(reviews=[ReviewSummaryOut.model_validate(review) for review in reviews], total=total))


async def create_review(request: Request) -> Response:
    user = await current_user(request)
    body = await parse_body(request, CreateReviewBody)
    review = await review_service(request).create_review(user.id, body.job_id, body.title)
    return private(shown(review, []), 201, location=f"/api/v1/reviews/{review.id}")


async def get_review(request: Request) -> Response:
    user = await current_user(request)
    found = await review_service(request).get_review(user.id, request.path_params["review_id"])
    return private(shown(found.review, found.comments))


async def delete_review(request: Request) -> Response:
    user = await current_user(request)
    await review_service(request).delete_review(user.id, request.path_params["review_id"])
    return Response(status_code=204)


async def export_review(request: Request) -> Response:
    user = await current_user(request)
    found = await review_service(request).get_review(user.id, request.path_params["review_id"])
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="review-{found.review.id}.md"',
    }
    return Response(export_markdown(found), headers=headers, media_type="text/markdown")


async def add_comment(request: Request) -> Response:
    user = await current_user(request)
    body = await parse_body(request, AddCommentBody)
    review_id = request.path_params["review_id"]
    comment = await review_service(request).add_comment(user.id, review_id, body.section, body.body)
    return private(CommentOut.model_validate(comment), 201)


async def delete_comment(request: Request) -> Response:
    user = await current_user(request)
    review_id, comment_id = request.path_params["review_id"], request.path_params["comment_id"]
    await review_service(request).delete_comment(user.id, review_id, comment_id)
    return Response(status_code=204)


def shown(review: Review, comments: Sequence[Comment]) -> ReviewOut:
    listed = [CommentOut.model_validate(comment) for comment in comments]
    return ReviewOut.model_validate(review).model_copy(update={"comments": listed})


routes = [
    resource("/api/v1/reviews", GET=list_reviews, POST=create_review),
    resource("/api/v1/reviews/{review_id}", GET=get_review, DELETE=delete_review),
    Route("/api/v1/reviews/{review_id}/export.md", export_review, methods=["GET"]),
    Route("/api/v1/reviews/{review_id}/comments", add_comment, methods=["POST"]),
    Route("/api/v1/reviews/{review_id}/comments/{comment_id}", delete_comment, methods=["DELETE"]),
]
