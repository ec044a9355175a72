"""Reviews of analyses, and what is said about them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from resumekit.results import ResumeAnalysis
from resumekit.scoring import review_of
from tests.migration.documents import ADVERTISEMENT, RESUME, UNREADABLE
from tests.migration.people import RESUMES, REVIEWS
from tests.migration.tables import change, count

NO_JOB = (404, {"detail": "Job not found"})
NO_REVIEW = (404, {"detail": "Review not found"})
NO_COMMENT = (404, {"detail": "Comment not found"})


def told(answer):
    return answer.status_code, answer.json()


def refused(user, backend, job_id):
    return told(user.post(backend, REVIEWS, {"job_id": job_id}))


def comment(user, backend, review_id, body="Well said.", **more):
    answer = user.post(backend, f"{REVIEWS}/{review_id}/comments", {"body": body, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_review_is_what_resumekit_makes_of_the_analysis(crossing, user):
    first, second = crossing
    job = user.analysed(first)
    answer = user.post(second, REVIEWS, {"job_id": job["id"]})
    assert answer.status_code == 201, answer.text
    review = answer.json()
    drafted = review_of(ResumeAnalysis.model_validate(job["result"])).model_dump(mode="json")
    assert {name: review[name] for name in ("score", "summary", "criteria")} == drafted
    assert (review["resume_id"], review["job_id"], review["title"]) == (job["resume_id"], job["id"], "Review of cv.txt")
    assert review["comments"] == []
    assert review["created_at"] == review["updated_at"]
    assert answer.headers["location"] == f"{REVIEWS}/{review['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert told(user.get(first, f"{REVIEWS}/{review['id']}")) == (200, review)


@pytest.mark.parametrize(
    ("filename", "more", "title"),
    [
        ("cv.txt", {"title": "For the interview"}, "For the interview"),
        ("cv.txt", {"title": None}, "Review of cv.txt"),
        ("cv.txt", {"title": ""}, "Review of cv.txt"),
        ("cv.txt", {"title": " \u00a0 "}, "Review of cv.txt"),
        ("x" * 300 + ".txt", {}, "Review of " + "x" * 190),
        ("cv.txt", {"title": "é" * 200}, "é" * 200),
    ],
    ids=["given", "null", "empty", "blank", "long filename", "long"],
)
def test_a_title(backend, user, filename, more, title):
    job = user.analysed(backend, resume_id=user.resume(backend, RESUME, filename))
    assert user.review(backend, job["id"], **more)["title"] == title


@pytest.mark.parametrize("title", ["x" * 201, "a\nb", "a\tb", "a\x00b", "a\x7fb", 7])
def test_a_title_that_cannot_be_is_named(backend, user, title):
    answer = user.post(backend, REVIEWS, {"job_id": str(uuid4()), "title": title})
    assert answer.status_code == 422
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", "title"]]


def test_an_analysis_is_reviewed_once(crossing, user):
    first, second = crossing
    job = user.analysed(first)
    review = user.review(first, job["id"])
    assert refused(user, second, job["id"]) == (409, {"detail": "This analysis has a review already"})
    assert user.delete(second, f"{REVIEWS}/{review['id']}").status_code == 204
    assert user.review(first, job["id"])["id"] != review["id"]


def test_of_concurrent_reviews_of_one_analysis_one_wins(sides, user):
    job = user.analysed(sides["legacy"])

    def review(number):
        return user.post(sides[("legacy", "new")[number % 2]], REVIEWS, {"job_id": job["id"]}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(review, range(8))) == [201] + [409] * 7


def test_only_an_analysis_that_has_succeeded_can_be_reviewed(backend, user, database_url):
    failed = user.ended(backend, user.start_job(backend, user.resume(backend, UNREADABLE))["id"])
    assert refused(user, backend, failed["id"]) == (409, {"detail": "The analysis has not succeeded"})
    job_id = user.analysed(backend)["id"]
    for status in ("running", "cancelled"):
        assert change(database_url, "ai_jobs", {"status": status}, id=job_id) == 1
        assert refused(user, backend, job_id) == (409, {"detail": "The analysis has not succeeded"})


def test_only_a_resume_analysis_can_be_reviewed(backend, user):
    words = (409, {"detail": "Only a resume analysis can be reviewed"})
    match = {"agent": "keyword-match", "job_text": ADVERTISEMENT}
    assert refused(user, backend, user.analysed(backend, **match)["id"]) == words
    failed = user.ended(backend, user.start_job(backend, user.resume(backend, UNREADABLE), **match)["id"])
    assert refused(user, backend, failed["id"]) == words, "asked before whether it has succeeded"


def test_a_job_of_ones_own_is_needed(backend, user, stranger):
    for job_id in (str(uuid4()), "nothing", "", stranger.analysed(backend)["id"]):
        assert refused(user, backend, job_id) == NO_JOB
    assert user.post(backend, REVIEWS, {}).status_code == 422


def test_reviews_are_listed_without_their_comments_newest_first_by_pages(crossing, user):
    first, second = crossing
    made = [user.review(backend) for backend in (first, second, first)][::-1]
    short = [{k: v for k, v in review.items() if k not in {"summary", "criteria", "comments"}} for review in made]
    for backend in crossing:
        for query, expected in (("", short), ("?limit=1&offset=1", short[1:2]), ("?offset=3", [])):
            assert user.get(backend, f"{REVIEWS}{query}").json() == {"reviews": expected, "total": 3}
    assert user.get(first, f"{REVIEWS}?offset=-1").status_code == 422


def test_comments_are_shown_oldest_first_and_touch_the_review(crossing, user):
    first, second = crossing
    review = user.review(first)
    url = f"{REVIEWS}/{review['id']}"
    one = comment(user, first, review["id"], "First.")
    two = comment(user, second, review["id"], "Second,\r\non two lines.\n\tIndented.", section="Experience")
    assert set(one) == {"id", "section", "body", "created_at"}
    assert (one["section"], two["section"]) == (None, "Experience")
    shown = user.get(first, url).json()
    assert shown["comments"] == [one, two]
    assert shown["updated_at"] == two["created_at"] > shown["created_at"]
    assert user.delete(second, f"{url}/comments/{one['id']}").status_code == 204
    after = user.get(second, url).json()
    assert after["comments"] == [two]
    assert after["updated_at"] > shown["updated_at"]
    assert told(user.delete(first, f"{url}/comments/{one['id']}")) == NO_COMMENT


def test_a_comment_has_a_place_of_its_own(backend, user):
    review = user.review(backend)
    answer = user.post(backend, f"{REVIEWS}/{review['id']}/comments", {"body": "x"})
    assert answer.headers["cache-control"] == "no-store"
    assert "location" not in answer.headers, "there is nothing to be read at it"


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, "body"),
        ({"body": ""}, "body"),
        ({"body": None}, "body"),
        ({"body": "x" * 5001}, "body"),
        ({"body": "a\x00b"}, "body"),
        ({"body": "a\x7fb"}, "body"),
        ({"body": "x", "section": "a\nb"}, "section"),
        ({"body": "x", "section": "x" * 101}, "section"),
        ({"body": "x", "section": 1}, "section"),
    ],
    ids=range(9),
)
def test_a_comment_that_does_not_fit_names_its_field(backend, user, body, loc):
    answer = user.post(backend, f"{REVIEWS}/{uuid4()}/comments", body)
    assert answer.status_code == 422, answer.text
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", loc]]


def test_a_comment_belongs_to_its_review(backend, user):
    one, another = user.review(backend), user.review(backend)
    said = comment(user, backend, one["id"])
    assert told(user.delete(backend, f"{REVIEWS}/{another['id']}/comments/{said['id']}")) == NO_COMMENT
    assert told(user.delete(backend, f"{REVIEWS}/{uuid4()}/comments/{said['id']}")) == NO_REVIEW
    assert told(user.delete(backend, f"{REVIEWS}/{one['id']}/comments/nothing")) == NO_COMMENT
    assert user.get(backend, f"{REVIEWS}/{one['id']}").json()["comments"] == [said]


def test_concurrent_comments_are_all_kept(sides, user):
    review = user.review(sides["new"])

    def say(number):
        return comment(user, sides[("legacy", "new")[number % 2]], review["id"], f"Number {number}")["id"]

    with ThreadPoolExecutor(8) as threads:
        said = set(threads.map(say, range(16)))
    shown = user.get(sides["legacy"], f"{REVIEWS}/{review['id']}").json()
    assert {each["id"] for each in shown["comments"]} == said
    keys = [(each["created_at"], each["id"]) for each in shown["comments"]]
    assert keys == sorted(keys)
    assert shown["updated_at"] == keys[-1][0], "of the latest, whichever was committed last"


CALLS = [("GET", ""), ("DELETE", ""), ("GET", "/export.md"), ("POST", "/comments"), ("DELETE", "/comments/{comment}")]


@pytest.mark.parametrize(("method", "path"), CALLS, ids="".join)
def test_somebody_elses_review_does_not_exist(backend, user, stranger, method, path):
    review = user.review(backend)
    path = path.format(comment=comment(user, backend, review["id"])["id"])
    more = {"json": {"body": "x"}} if method == "POST" else {}
    for review_id in (review["id"], str(uuid4()), "nothing", "%00", "x" * 300):
        assert told(stranger.ask(backend, method, f"{REVIEWS}/{review_id}{path}", **more)) == NO_REVIEW
    assert backend.client.request(method, f"{REVIEWS}/{review['id']}{path}", **more).status_code == 401


def test_a_review_goes_with_its_comments_and_leaves_the_analysis(crossing, user, database_url):
    first, second = crossing
    review = user.review(first)
    comment(user, first, review["id"])
    answer = user.delete(second, f"{REVIEWS}/{review['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert told(user.get(first, f"{REVIEWS}/{review['id']}")) == NO_REVIEW
    assert count(database_url, "review_comments", review_id=review["id"]) == 0
    assert user.job(first, review["job_id"])["status"] == "succeeded"


def test_all_goes_with_the_resume(crossing, user, database_url):
    first, second = crossing
    review = user.review(first)
    comment(user, first, review["id"])
    assert user.delete(second, f"{RESUMES}/{review['resume_id']}").status_code == 204
    assert told(user.get(first, f"{REVIEWS}/{review['id']}")) == NO_REVIEW
    assert user.get(first, REVIEWS).json() == {"reviews": [], "total": 0}
    left = {
        "ai_jobs": count(database_url, "ai_jobs", id=review["job_id"]),
        "ai_job_events": count(database_url, "ai_job_events", job_id=review["job_id"]),
        "reviews": count(database_url, "reviews", id=review["id"]),
        "review_comments": count(database_url, "review_comments", review_id=review["id"]),
    }
    assert set(left.values()) == {0}, left


def escaped(text):
    return "".join(f"\\{character}" if character in "\\`*_|<>[]#" else character for character in text)


def expected_export(review, comments):
    """What the contract shows, from what the review tells; all in it that has a place of its own is on a line."""
    table = [
        f"| {escaped(c['name'])} | {c['score']} | {c['weight']} % | {escaped(c['remark'])} |"
        for c in review["criteria"]
    ]
    lines = [
        f"# {escaped(review['title'])}",
        "",
        f"**Score: {review['score']} of 100**",
        "",
        review["summary"],
        "",
        "| criterion | score | weight | remark |",
        "|---|---:|---:|---|",
        *table,
        "",
        "## Comments",
        "",
        *comments,
    ]
    return "".join(f"{line}\n" for line in lines)


def test_a_review_is_exported_byte_for_byte(crossing, user):
    first, second = crossing
    title = r"A|B *bold* _it_ `code` <b> [link](x) #1 back\slash - Zoë"
    job = user.analysed(first)
    review = user.review(first, job["id"], title=title)
    url = f"{REVIEWS}/{review['id']}/export.md"
    answer = user.get(second, url)
    assert answer.text == expected_export(review, ["No comments yet."])
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == f'attachment; filename="review-{review["id"]}.md"'
    assert review["criteria"]

    one = comment(
        user, first, review["id"], "# Not *a* heading,\r\nbut | two\rlines, and <a> third", section="Experience"
    )
    two = comment(user, second, review["id"], "Short.")
    shown = [
        rf"- **Experience** ({one['created_at'][:10]}): \# Not \*a\* heading,",
        r"  but \| two",
        r"  lines, and \<a\> third",
        f"- ({two['created_at'][:10]}): Short.",
    ]
    answer = user.get(second, url)
    assert answer.content == expected_export(review, shown).encode()
    assert r"# A\|B \*bold\* \_it\_ \`code\` \<b\> \[link\](x) \#1 back\\slash - Zoë" in answer.text
