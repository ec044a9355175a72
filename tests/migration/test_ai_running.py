"""Jobs that are met while they wait or run: cancelled, retried, deleted, followed, and left alone by who has left."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.migration.backends import SIDES, postgres_programs
from tests.migration.people import JOBS, RESUMES, until
from tests.migration.streams import events, followed, following
from tests.migration.tables import change, count, rows

CANCELLED = {"status": "cancelled"}
KINDS = ("postgresql" if postgres_programs() else "sqlite",)
"""Where two transactions really run at once; who runs what is no matter of the database (test_ai_jobs has both)."""


@pytest.fixture(params=itertools.product(KINDS, SIDES), ids="-".join)
def installation(request, installations):
    """One side is slow, so that its jobs can be met while they run."""
    kind, slow = request.param
    return installations.uneven(kind, slow)


@pytest.fixture
def slow_and_other(sides):
    """The backend whose agents take their time comes first."""
    slow, other = sides.values()
    return slow, other


def cancel(user, backend, job_id):
    answer = user.post(backend, f"{JOBS}/{job_id}/cancel")
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert (job["status"], job["result"], job["error"]) == ("cancelled", None, None)
    assert job["finished_at"] is not None
    return job


def occupied(user, backend):
    """Two jobs that are running: as many as a process takes at once."""
    resume_id = user.resume(backend)
    return [user.running(backend, user.start_job(backend, resume_id)["id"])["id"] for _ in range(2)]


def wait_until_idle(user, backend):
    """Whatever the backend worked on before, it has given up: two others have begun, and are cancelled as well."""
    for job_id in occupied(user, backend):
        user.post(backend, f"{JOBS}/{job_id}/cancel")


def test_two_run_at_a_time_and_a_waiting_one_can_be_cancelled_from_the_other_side(slow_and_other, user, database_url):
    slow, other = slow_and_other
    running = occupied(user, slow)
    waiting = user.start_job(slow)["id"]
    assert user.job(other, waiting)["status"] == "queued"
    cancel(user, other, waiting)
    for job_id in running:
        cancel(user, other, job_id)
    seen = followed(user, slow, waiting)
    assert [event.data["status"] for event in seen] == ["queued", "cancelled", "cancelled"]
    assert rows(database_url, "ai_jobs", id=waiting)[0]["started_at"] is None


def test_a_running_job_is_cancelled_from_the_other_side_for_good(slow_and_other, user):
    slow, other = slow_and_other
    job_id = user.start_job(slow)["id"]
    with following(user, slow, job_id) as response:
        stream = events(response)
        assert next(event for event in stream if event.data["status"] == "running").data["attempt"] == 1
        cancelled = cancel(user, other, job_id)
        *_, last, end = stream
    assert (last.data["status"], end.data) == ("cancelled", CANCELLED)
    wait_until_idle(user, slow)
    assert user.job(other, job_id) == cancelled
    assert followed(user, other, job_id)[-2:] == [last, end]
    again = user.post(slow, f"{JOBS}/{job_id}/cancel")
    assert (again.status_code, again.json()) == (409, {"detail": "Job has already ended"})


def test_a_job_that_runs_or_waits_cannot_be_retried(slow_and_other, user):
    slow, other = slow_and_other
    job_id = user.start_job(slow)["id"]
    for _ in ("perhaps queued", "running"):
        answer = user.post(other, f"{JOBS}/{job_id}/retry")
        words = {"detail": "Only a failed or cancelled job can be retried"}
        assert (answer.status_code, answer.json()) == (409, words)
        user.running(slow, job_id)
    cancel(user, other, job_id)


def test_a_cancelled_job_that_is_retried_elsewhere_is_not_touched_by_its_first_runner(slow_and_other, user):
    slow, other = slow_and_other
    job_id = user.running(slow, user.start_job(slow)["id"])["id"]
    cancelled = cancel(user, other, job_id)
    answer = user.post(other, f"{JOBS}/{job_id}/retry")
    assert (answer.status_code, answer.json()["attempt"], answer.json()["status"]) == (202, 2, "queued")
    job = user.ended(other, job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert job["finished_at"] > cancelled["finished_at"]
    wait_until_idle(user, slow)
    assert user.job(slow, job_id) == job
    second = [event for event in followed(user, slow, job_id, 1) if event.data.get("attempt") == 2]
    progress = [event.data["progress"] for event in second]
    assert progress == sorted(progress)
    assert [event.data["status"] for event in second].count("succeeded") == 1


def test_of_concurrent_cancellations_one_wins(slow_and_other, sides, user):
    slow, _ = slow_and_other
    job_id = user.running(slow, user.start_job(slow)["id"])["id"]

    def cancel_too(number):
        return user.post(sides[SIDES[number % 2]], f"{JOBS}/{job_id}/cancel").status_code

    with ThreadPoolExecutor(6) as threads:
        assert sorted(threads.map(cancel_too, range(6))) == [200] + [409] * 5
    assert [event.data["status"] for event in followed(user, slow, job_id)].count("cancelled") == 2


def test_events_arrive_on_the_other_side_while_the_job_runs(slow_and_other, user):
    slow, other = slow_and_other
    job_id = user.start_job(slow)["id"]
    with following(user, other, job_id) as response:
        stream = events(response)
        begun = [next(stream), next(stream), next(stream)]
        assert user.job(slow, job_id)["status"] == "running", "told before the end"
    assert [event.id for event in begun] == [1, 2, 3]
    with following(user, other, job_id, last_event_id=begun[-1].id) as response:
        assert next(events(response)).id == 4
    cancel(user, other, job_id)


def test_a_deleted_resume_ends_the_stream_and_the_job(slow_and_other, user, database_url):
    slow, other = slow_and_other
    for deleted_on, followed_on in ((slow, other), (other, slow)):
        job = user.running(slow, user.start_job(slow)["id"])
        with following(user, followed_on, job["id"]) as response:
            stream = events(response)
            next(stream)
            assert user.delete(deleted_on, f"{RESUMES}/{job['resume_id']}").status_code == 204
            *_, end = stream
        assert end == (None, "end", {"status": "deleted"})
        assert count(database_url, "ai_job_events", job_id=job["id"]) == 0
    wait_until_idle(user, slow)
    assert "Traceback" not in slow.log.read_text(), "a job that is gone is simply dropped"


def test_a_stream_ends_when_its_reader_leaves(slow_and_other, user):
    """Its line in the log is written at its end, which comes well before the next sign of life would be due."""
    slow, other = slow_and_other
    job_id = user.start_job(slow)["id"]
    for backend in (slow, other):
        mark = f"left-{job_id}"
        headers = {**user.headers, "X-Request-Id": mark}
        with backend.client.stream("GET", f"{JOBS}/{job_id}/events", headers=headers) as response:
            stream = events(response)  # named, for a generator that nobody holds closes the connection
            next(stream)
            assert mark not in backend.log.read_text()
        until(lambda log=backend.log, mark=mark: mark in log.read_text(), what="the end of the stream", seconds=5)
    cancel(user, slow, job_id)


def test_of_two_running_jobs_only_the_one_whose_lease_has_run_out_is_taken_back(slow_and_other, user, database_url):
    slow, other = slow_and_other
    kept, lost = occupied(user, slow)
    another = {"claim": "00000000-0000-4000-8000-000000000000", "lease_until": datetime.now(UTC) - timedelta(seconds=1)}
    assert change(database_url, "ai_jobs", another, id=lost) == 1

    def interruptions(job_id):
        (row,) = rows(database_url, "ai_jobs", id=job_id)
        return row["interruptions"]

    until(lambda: interruptions(lost) == 1, what="the end of a lease")
    assert interruptions(kept) == 0
    assert user.job(other, kept)["status"] == "running"
    for job_id in (kept, lost):
        user.post(other, f"{JOBS}/{job_id}/cancel")
