"""A review as Markdown."""

import json
import re
from collections.abc import Sequence
from typing import Any

from legacy_backend.models.comment import Comment
from legacy_backend.services.review_service import ReviewWithComments


def export_markdown(reviewed: ReviewWithComments) -> str:
    """What users wrote, and what came out of their files, is escaped: it is text, and formats nothing."""
    review = reviewed.review
    blocks = [
        f"# {_escape(review.title)}",
        f"**Score: {review.score} of 100**",
        review.summary,
        _table(json.loads(review.criteria)),
        "## Comments",
        _list(reviewed.comments),
    ]
    return "\n\n".join(blocks) + "\n"


def _table(criteria: Sequence[dict[str, Any]]) -> str:
    lines = ["| criterion | score | weight | remark |", "|---|---:|---:|---|"]
    for criterion in criteria:
        name, remark = _cell(criterion["name"]), _cell(criterion["remark"])
        lines.append(f"| {name} | {criterion['score']} | {criterion['weight']} % | {remark} |")
    return "\n".join(lines)


def _list(comments: Sequence[Comment]) -> str:
    return "\n".join(_item(comment) for comment in comments) or "No comments yet."


def _item(comment: Comment) -> str:
    section = f"**{_escape(comment.section)}** " if comment.section and comment.section.strip() else ""
    body = re.sub(r"\r\n?|\n", "\n  ", _escape(comment.body))
    return f"- {section}({comment.created_at:%Y-%m-%d}): {body}"


def _cell(text: str) -> str:
    """A line break would end the row."""
    return re.sub(r"[\r\n]+", " ", _escape(text))


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", text)
