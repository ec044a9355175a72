"""A review as a Markdown document. Pure."""

import re
from collections.abc import Sequence

from new_backend.features.resume_review.schemas import CommentResponse, ReviewResponse
from resumekit.scoring import Criterion

_SPECIAL = re.compile(r"[\\`*_|<>\[\]#]")


def to_markdown(review: ReviewResponse) -> str:
    """Lines end with a line feed, the last one too. What users typed cannot become markup."""
    return (
        f"# {escaped(review.title)}\n\n"
        f"**Score: {review.score} of 100**\n\n"
        f"{review.summary}\n\n"
        f"{_table(review.criteria)}\n"
        f"## Comments\n\n"
        f"{_list(review.comments)}"
    )


def escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _table(criteria: Sequence[Criterion]) -> str:
    rows = "".join(
        f"| {escaped(each.name)} | {each.score} | {each.weight} % | {escaped(each.remark)} |\n" for each in criteria
    )
    return f"| criterion | score | weight | remark |\n|---|---:|---:|---|\n{rows}"


def _list(comments: Sequence[CommentResponse]) -> str:
    return "".join(_item(comment) for comment in comments) or "No comments yet.\n"


def _item(comment: CommentResponse) -> str:
    section = f"**{escaped(comment.section)}** " if comment.section and comment.section.strip() else ""
    body = re.sub(r"\r\n?", "\n", comment.body)
    return f"- {section}({comment.created_at:%Y-%m-%d}): {escaped(body)}".replace("\n", "\n  ") + "\n"
