from datetime import UTC, datetime

import pytest

from new_backend.features.resume_review.markdown import escaped, to_markdown
from new_backend.features.resume_review.schemas import CommentResponse, ReviewResponse
from resumekit.scoring import Criterion

DAY = datetime(2026, 11, 30, 12, tzinfo=UTC)


def review(title: str = "Review of cv.pdf", comments: list[CommentResponse] | None = None) -> ReviewResponse:
    return ReviewResponse(
        id="1",
        resume_id="2",
        job_id="3",
        title=title,
        score=74,
        summary="The summary.",
        criteria=[Criterion(name="Structure", score=80, weight=20, remark="a|b")],
        comments=comments or [],
        created_at=DAY,
        updated_at=DAY,
    )


def comment(body: str, section: str | None = None) -> CommentResponse:
    return CommentResponse(id="1", section=section, body=body, created_at=DAY)


HEAD = """# Review of cv.pdf

**Score: 74 of 100**

The summary.

| criterion | score | weight | remark |
|---|---:|---:|---|
| Structure | 80 | 20 % | a\\|b |

## Comments

"""


def test_a_review_with_comments() -> None:
    comments = [comment("body", "Experience"), comment("a body of two lines\r\ngoes on indented")]
    end = "- **Experience** (2026-11-30): body\n- (2026-11-30): a body of two lines\n  goes on indented\n"
    assert to_markdown(review(comments=comments)) == HEAD + end


def test_a_review_without_comments() -> None:
    assert to_markdown(review()) == HEAD + "No comments yet.\n"


@pytest.mark.parametrize("character", "\\`*_|<>[]#")
def test_what_could_be_markup_is_escaped(character: str) -> None:
    assert escaped(f"a{character}b") == f"a\\{character}b"
    assert f"# a\\{character}b\n" in to_markdown(review(title=f"a{character}b"))


@pytest.mark.parametrize("breaks", ["a\r\nb", "a\rb", "a\nb"])
def test_line_breaks_are_line_feeds(breaks: str) -> None:
    text = to_markdown(review(comments=[comment(breaks)]))
    assert text.endswith("): a\n  b\n")
    assert "\r" not in text
