"""Steps of the feature `review`: one review of an analysis, its comments, and the text that one takes along."""

from traffic.ledger import agree, compare, compare_order, compare_total
from traffic.visitor import Visitor

REVIEWS = "/api/v1/reviews"
REMARKS = (
    "Lead with what changed, then say how.",
    "The second role reads like the first; join them or tell what is new.",
    "Good figures here, keep them.",
    "Two lines would do.\nThe rest belongs to the interview.",
)


async def create(visitor: Visitor, job_id: str) -> str:
    """Returns the review's id. There is no second one of the same analysis."""
    title = f"Review number {visitor.chance.randint(1, 10**9)}" if visitor.chance.random() < 0.5 else None
    content = {"job_id": job_id, "title": title}
    answer = await visitor.ask("create a review", "POST", REVIEWS, expect=201, json=content)
    review = answer.json()
    if not isinstance(review, dict) or not isinstance(review.get("id"), str):
        raise visitor.fault("a review without an id")
    job = visitor.ledger.jobs[job_id]
    named = title or f"Review of {visitor.ledger.uploads[str(job['resume_id'])]['filename']}"
    known = {"job_id": job_id, "resume_id": job["resume_id"], "title": named}
    with visitor.judging():
        agree("review", {**known, "comments": []}, review)
    visitor.check(answer.header("location") == f"{REVIEWS}/{review['id']}", "Location is wrong")
    weights = sum(each.get("weight", 0) for each in review.get("criteria") or ())
    visitor.check(weights == 100, "the weights of the criteria are not 100 in all")
    visitor.ledger.reviews[review["id"]] = {**known, "score": review.get("score"), "created_at": review["created_at"]}
    visitor.ledger.comments[review["id"]] = {}
    await visitor.ask("create a review again", "POST", REVIEWS, expect=409, json=content)
    return str(review["id"])


async def comment(visitor: Visitor, review_id: str) -> None:
    known = {
        "body": visitor.chance.choice(REMARKS),
        "section": visitor.chance.choice(("Experience", "Skills", None)),
    }
    made = await visitor.ask_json("comment", "POST", f"{REVIEWS}/{review_id}/comments", expect=201, json=known)
    with visitor.judging():
        agree("comment", known, made)
    visitor.ledger.comments[review_id][made["id"]] = {**known, "created_at": made["created_at"]}


async def get_review(visitor: Visitor, review_id: str) -> None:
    """With exactly her comments, the oldest first."""
    review = await visitor.ask_json("read a review", "GET", f"{REVIEWS}/{review_id}")
    comments = visitor.ledger.comments[review_id]
    with visitor.judging():
        agree("review", visitor.ledger.reviews[review_id], review)
        compare("comment", comments, review.get("comments"))
    visitor.check([each["id"] for each in review["comments"]] == list(comments), "comments are not oldest first")


async def export(visitor: Visitor, review_id: str) -> None:
    answer = await visitor.ask("export a review", "GET", f"{REVIEWS}/{review_id}/export.md")
    text = answer.body.decode("utf-8", "replace")
    visitor.check(answer.header("content-type") == "text/markdown; charset=utf-8", "an export that is no Markdown")
    visitor.check(text.startswith("# ") and text.endswith("\n"), "an export without a title, or cut short")
    wanted = [str(made["body"]).splitlines() for made in visitor.ledger.comments[review_id].values()]
    missing = [line for lines in wanted for line in lines if line not in text]
    visitor.check(not missing, "a comment is not in the export")


async def list_reviews(visitor: Visitor) -> None:
    """Exactly hers."""
    found = await visitor.ask_json("list reviews", "GET", REVIEWS)
    with visitor.judging():
        compare("review", visitor.ledger.reviews, found.get("reviews"))
        compare_total("review", visitor.ledger.reviews, found.get("total"))
        compare_order("review", visitor.ledger.reviews, found["reviews"])
