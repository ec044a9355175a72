"""Jobs of agents, from their start to their end, whichever side is asked."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from resumekit.agents import AGENTS
from tests.migration.analyses import ANALYSIS, MATCH, found_by_resumekit
from tests.migration.documents import ADVERTISEMENT, RESUME, UNREADABLE, docx, pdf
from tests.migration.people import JOBS, RESUMES, until
from tests.migration.streams import followed
from tests.migration.tables import change, count, insert, rows


def assert_without_holes(seen):
    """Events of a stream that has ended: numbered from 1, and the end without a number."""
    assert [event.id for event in seen] == [*range(1, len(seen)), None]
    assert [event.name for event in seen] == ["progress"] * (len(seen) - 1) + ["end"]


def test_agents_are_told_to_everybody(backend):
    answer = backend.client.get("/api/v1/ai/agents")
    told = [
        {key: getattr(agent, key) for key in ("name", "description", "needs_job_text")} for agent in AGENTS.values()
    ]
    assert (answer.status_code, answer.json()) == (200, {"agents": told})
    assert [agent["name"] for agent in told] == [ANALYSIS, MATCH]


def test_a_job_begins_queued(backend, user):
    resume_id = user.resume(backend)
    answer = user.post(backend, JOBS, {"resume_id": resume_id})
    job = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert {key: value for key, value in job.items() if key not in {"id", "created_at", "step"}} == {
        "agent": ANALYSIS,
        "resume_id": resume_id,
        "status": "queued",
        "progress": 0,
        "attempt": 1,
        "error": None,
        "result": None,
        "started_at": None,
        "finished_at": None,
    }


def test_an_analysis_finds_what_resumekit_finds(crossing, user):
    first, second = crossing
    job = user.ended(second, user.start_job(first)["id"])
    assert (job["status"], job["progress"], job["step"], job["error"]) == ("succeeded", 100, None, None)
    assert job["result"] == found_by_resumekit(ANALYSIS, RESUME)
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


def test_an_advertisement_is_matched(backend, user):
    job = user.analysed(backend, agent=MATCH, job_text=ADVERTISEMENT)
    assert job["result"] == found_by_resumekit(MATCH, RESUME, ADVERTISEMENT)
    job = user.analysed(backend, agent=ANALYSIS, job_text=ADVERTISEMENT)
    assert job["result"] == found_by_resumekit(ANALYSIS, RESUME, ADVERTISEMENT)
    assert job["result"]["keywords"] is not None


@pytest.mark.parametrize(("content", "filename"), [(pdf(), "cv.pdf"), (docx(), "cv.docx")], ids=["pdf", "docx"])
def test_other_kinds_of_files_are_read_too(backend, user, content, filename):
    job = user.analysed(backend, resume_id=user.resume(backend, content, filename))
    assert job["result"]["words"] == 4


def test_each_step_is_told_in_order(crossing, user):
    first, second = crossing
    seen = followed(user, second, user.start_job(first)["id"])
    assert_without_holes(seen)
    *progress, end = seen
    steps = AGENTS[ANALYSIS].steps
    assert (progress[0].data["status"], progress[0].data["progress"]) == ("queued", 0)
    running = [(event.data["progress"], event.data["step"]) for event in progress if event.data["status"] == "running"]
    assert running == [(100 * done // len(steps), step) for done, step in enumerate(steps)]
    assert progress[-1].data == {"status": "succeeded", "progress": 100, "step": None, "attempt": 1}
    assert end.data == {"status": "succeeded"}


def test_a_stream_is_what_the_contract_shows(backend, user):
    job = user.analysed(backend)
    answer = user.get(backend, f"{JOBS}/{job['id']}/events")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    first, second, *_, end, nothing = answer.content.split(b"\n\n")
    assert first == b"retry: 1000"
    assert second.startswith(b'id: 1\nevent: progress\ndata: {"status":"queued","progress":0,"step":')
    assert second.endswith(b',"attempt":1}')
    assert end == b'event: end\ndata: {"status":"succeeded"}'
    assert nothing == b""


def test_a_stream_resumes_without_holes_or_doubles_on_either_side(crossing, user):
    first, second = crossing
    job_id = user.start_job(first)["id"]
    seen = followed(user, first, job_id)
    assert_without_holes(seen)
    for last in range(len(seen)):
        assert followed(user, second, job_id, last) == seen[last:]
    for none in ("x", "", "1.5", "0x1", "1 2"):
        assert followed(user, second, job_id, none) == seen
    for beyond in (99, 2**31, 2**63, 10**30):
        assert followed(user, second, job_id, beyond) == seen[-1:], "nothing is left to tell but the end"


def test_many_jobs_at_once_on_both_sides_all_come_to_their_end(sides, user, database_url):
    resume_id = user.resume(sides["legacy"])

    def live(number):
        backend = sides[("legacy", "new")[number % 2]]
        job_id = user.start_job(backend, resume_id=resume_id)["id"]
        return job_id, followed(user, sides[("new", "legacy")[number // 2 % 2]], job_id)

    with ThreadPoolExecutor(8) as threads:
        lived = dict(threads.map(live, range(16)))
    for job_id, seen in lived.items():
        assert_without_holes(seen)
        assert seen[-1].data == {"status": "succeeded"}
        assert count(database_url, "ai_job_events", job_id=job_id) == len(seen) - 1
    assert user.get(sides["new"], f"{JOBS}?limit=1").json()["total"] == 16


def test_a_job_that_has_ended_cannot_be_cancelled(backend, user):
    answer = user.post(backend, f"{JOBS}/{user.analysed(backend)['id']}/cancel")
    assert (answer.status_code, answer.json()) == (409, {"detail": "Job has already ended"})


def test_a_job_that_has_succeeded_cannot_be_retried(backend, user):
    answer = user.post(backend, f"{JOBS}/{user.analysed(backend)['id']}/retry")
    words = {"detail": "Only a failed or cancelled job can be retried"}
    assert (answer.status_code, answer.json()) == (409, words)


def test_a_file_that_cannot_be_read_fails_the_job_in_words(crossing, user):
    first, second = crossing
    job = user.ended(second, user.start_job(first, user.resume(first, UNREADABLE, "cv.pdf"))["id"])
    assert job["status"] == "failed"
    assert job["error"].startswith("The file cannot be read: ")
    assert "Traceback" not in job["error"]
    assert job["result"] is None
    assert job["finished_at"] is not None


def test_a_failed_job_can_be_retried_on_either_side(crossing, user, database_url):
    first, second = crossing
    failed = user.ended(first, user.start_job(first, user.resume(first, UNREADABLE, "cv.pdf"))["id"])
    answer = user.post(second, f"{JOBS}/{failed['id']}/retry")
    again = answer.json()
    assert answer.status_code == 202, answer.text
    assert (again["status"], again["progress"], again["attempt"]) == ("queued", 0, 2)
    assert [again[name] for name in ("error", "result", "started_at", "finished_at")] == [None] * 4
    job = user.ended(first, failed["id"])
    assert (job["status"], job["attempt"], job["created_at"]) == ("failed", 2, failed["created_at"])
    told = sorted(rows(database_url, "ai_job_events", job_id=failed["id"]), key=lambda row: row["seq"])
    assert [row["seq"] for row in told] == [*range(1, len(told) + 1)]
    attempts = [row["attempt"] for row in told]
    assert attempts == sorted(attempts)
    assert set(attempts) == {1, 2}


def test_of_concurrent_retries_one_wins(sides, user):
    failed = user.ended(sides["new"], user.start_job(sides["new"], user.resume(sides["new"], UNREADABLE))["id"])

    def retry(number):
        return user.post(sides[("legacy", "new")[number % 2]], f"{JOBS}/{failed['id']}/retry").json()

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(retry, range(6)))
    accepted = [answer["attempt"] for answer in answers if "id" in answer]
    assert accepted == sorted(set(accepted)), "no attempt is given out twice"
    assert user.ended(sides["legacy"], failed["id"])["attempt"] == 1 + len(accepted)


def test_a_resume_without_a_file_fails_the_job_in_words(backend, user, installation):
    (owner,) = rows(installation.database_url, "users", email=user.email)
    resume_id = str(uuid4())
    old = {"id": resume_id, "user_id": owner["id"], "filename": "old.pdf", "size_bytes": 7}
    insert(installation.database_url, "resumes", {**old, "created_at": datetime.now(UTC)})
    lost = user.resume(backend)
    (installation.storage / "files" / lost[:2] / lost).unlink()
    for without in (resume_id, lost):
        job = user.ended(backend, user.start_job(backend, without)["id"])
        assert job["status"] == "failed"
        assert job["error"].startswith("The file cannot be read: ")
        assert str(installation.storage) not in job["error"]


def test_the_third_interruption_fails_the_job(backend, user, database_url):
    job_id = user.analysed(backend)["id"]
    left = {"status": "running", "claim": str(uuid4()), "lease_until": datetime.now(UTC) - timedelta(seconds=1)}
    assert change(database_url, "ai_jobs", {**left, "interruptions": 2, "result": None}, id=job_id) == 1
    job = until(lambda: (job := user.job(backend, job_id))["status"] == "failed" and job, what="the end of the lease")
    assert (job["error"], job["result"]) == ("The analysis was interrupted", None)
    assert job["finished_at"] is not None
    assert user.post(backend, f"{JOBS}/{job_id}/retry").status_code == 202
    assert user.ended(backend, job_id)["status"] == "succeeded"
    assert rows(database_url, "ai_jobs", id=job_id)[0]["interruptions"] == 0


REQUIRED = {"detail": [{"loc": ["body", "job_text"], "msg": "Field required", "type": "missing"}]}


def test_a_match_needs_an_advertisement(backend, user):
    resume_id = user.resume(backend)
    for more in ({}, {"job_text": None}, {"job_text": ""}, {"job_text": " \n\t "}):
        answer = user.post(backend, JOBS, {"resume_id": resume_id, "agent": MATCH, **more})
        assert (answer.status_code, answer.json()) == (422, REQUIRED)
    assert user.get(backend, JOBS).json() == {"jobs": [], "total": 0}


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, "resume_id"),
        ({"resume_id": None}, "resume_id"),
        ({"resume_id": "x" * 65}, "resume_id"),
        ({"resume_id": "x", "agent": "another"}, "agent"),
        ({"resume_id": "x", "agent": None}, "agent"),
        ({"resume_id": "x", "job_text": 7}, "job_text"),
        ({"resume_id": "x", "job_text": "a\x00b"}, "job_text"),
        ({"resume_id": "x", "job_text": "a\x1bb"}, "job_text"),
        ({"resume_id": "x", "job_text": "x" * 20_001}, "job_text"),
    ],
    ids=range(9),
)
def test_a_body_that_does_not_fit_names_its_field(backend, user, body, loc):
    answer = user.post(backend, JOBS, body)
    assert answer.status_code == 422, answer.text
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["body", loc]]


def test_control_characters_are_refused_in_the_same_words_as_elsewhere(backend, user):
    answer = user.post(backend, JOBS, {"resume_id": user.resume(backend), "job_text": "a\x08b"})
    fault = {"loc": ["body", "job_text"], "msg": "control characters are not allowed", "type": "value_error"}
    assert (answer.status_code, answer.json()) == (422, {"detail": [fault]})
    assert user.start_job(backend, job_text="Python\r\n\tand SQL")["status"] == "queued"


def test_a_job_needs_a_resume_of_ones_own(backend, user, stranger):
    for resume_id in (str(uuid4()), "nothing", "", "x" * 64, stranger.resume(backend), user.resume(backend).upper()):
        answer = user.post(backend, JOBS, {"resume_id": resume_id})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Resume not found"})


CALLS = [("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/retry")]


@pytest.mark.parametrize(("method", "path"), CALLS, ids="".join)
def test_somebody_elses_job_does_not_exist(backend, user, stranger, method, path):
    for job_id in (user.start_job(backend)["id"], str(uuid4()), "nothing", "%00", "x" * 300):
        answer = stranger.ask(backend, method, f"{JOBS}/{job_id}{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Job not found"})


@pytest.mark.parametrize(("method", "path"), [*CALLS, ("POST", None), ("GET", None)])
def test_who_is_not_signed_in_learns_nothing(backend, user, method, path):
    url = JOBS if path is None else f"{JOBS}/{user.start_job(backend)['id']}{path}"
    answer = backend.client.request(method, url)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


def test_jobs_are_listed_newest_first_by_pages(crossing, user):
    first, second = crossing
    resume_id = user.resume(first)
    ids = [user.start_job(backend, resume_id)["id"] for backend in (first, second, first)][::-1]
    for backend, (query, expected) in itertools.product(
        crossing, (("", ids), ("?limit=1&offset=1", ids[1:2]), ("?offset=3", []))
    ):
        answer = user.get(backend, f"{JOBS}{query}").json()
        assert ([job["id"] for job in answer["jobs"]], answer["total"]) == (expected, 3)
    assert user.get(first, f"{JOBS}?limit=0").status_code == 422


def test_jobs_go_with_their_resume(crossing, user, database_url):
    first, second = crossing
    job = user.analysed(first)
    assert user.delete(second, f"{RESUMES}/{job['resume_id']}").status_code == 204
    assert user.get(first, f"{JOBS}/{job['id']}").status_code == 404
    assert count(database_url, "ai_jobs", id=job["id"]) == 0
    assert count(database_url, "ai_job_events", job_id=job["id"]) == 0


def test_the_log_holds_nothing_of_a_resume(backend, user):
    user.analysed(backend, job_text=ADVERTISEMENT)
    log = backend.log.read_text()
    for words in ("Ada Example", "Sample GmbH", ADVERTISEMENT[:20], user.access_token, user.email):
        assert words not in log
