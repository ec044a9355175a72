"""A side that dies or stops in the middle of a job: the other, or it itself when it is back, brings that to its end."""

import contextlib
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.migration.backends import SIDES
from tests.migration.people import JOBS, RESUMES, sign_up, until
from tests.migration.streams import events, followed, following
from tests.migration.tables import change, rows

SLOW = {"AI_STEP_SECONDS": "30"}
OTHER = {"legacy": "new", "new": "legacy"}


def ago(seconds):
    return datetime.now(UTC) - timedelta(seconds=seconds)


def row_of(database_url, job_id):
    (row,) = rows(database_url, "ai_jobs", id=job_id)
    return row


def seconds_until(moment):
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def assert_numbered(database_url, job_id):
    numbers = sorted(row["seq"] for row in rows(database_url, "ai_job_events", job_id=job_id))
    assert numbers == [*range(1, len(numbers) + 1)]


@pytest.fixture
def doomed(side, installation, start):
    """A backend beside the others, whose jobs take minutes."""
    return start(side, installation.database_url, **{**installation.env, **SLOW})


@contextlib.contextmanager
def abandoned(user, doomed, database_url):
    """The id of a job whose runner has been killed."""
    job_id = user.running(doomed, user.start_job(doomed)["id"])["id"]
    row = row_of(database_url, job_id)
    assert row["claim"] is not None
    assert 20 < seconds_until(row["lease_until"]) <= 30
    assert doomed.stop(signal.SIGKILL) == -signal.SIGKILL
    yield job_id


def test_a_job_whose_runner_was_killed_is_taken_over_once_its_lease_has_run_out(doomed, installation, user):
    url, other = installation.database_url, installation.sides[OTHER[doomed.side]]
    with abandoned(user, doomed, url) as job_id, following(user, other, job_id) as response:
        stream = events(response)
        assert [next(stream).data["status"] for _ in range(2)] == ["queued", "running"]
        assert change(url, "ai_jobs", {"lease_until": ago(1)}, id=job_id) == 1
        later = [event.data for event in stream]
    assert [later[0]["status"], later[-1]["status"]] == ["queued", "succeeded"]
    row = row_of(url, job_id)
    assert (row["status"], row["attempt"], row["interruptions"]) == ("succeeded", 1, 1)
    assert_numbered(url, job_id)


def test_the_third_interruption_fails_the_job(doomed, installation, user):
    url = installation.database_url
    with abandoned(user, doomed, url) as job_id:
        assert change(url, "ai_jobs", {"lease_until": ago(1), "interruptions": 2}, id=job_id) == 1
        job = user.ended(installation.sides[OTHER[doomed.side]], job_id)
    assert (job["status"], job["error"]) == ("failed", "The analysis was interrupted")
    assert job["finished_at"] is not None
    assert_numbered(url, job_id)
    answer = user.post(installation.sides["new"], f"{JOBS}/{job_id}/retry")
    assert answer.status_code == 202
    assert user.ended(installation.sides["legacy"], job_id)["status"] == "succeeded"
    assert row_of(url, job_id)["interruptions"] == 0


def test_a_running_job_with_a_lease_is_left_alone(installation, user):
    """The look that finds the abandoned one sees this one as well."""
    url, slow = installation.database_url, installation.slow("legacy")
    kept, abandoned_id = (user.running(slow, user.start_job(slow)["id"])["id"] for _ in range(2))
    assert change(
        url, "ai_jobs", {"lease_until": ago(1), "claim": "00000000-0000-0000-0000-000000000000"}, id=abandoned_id
    )
    assert user.ended(slow, abandoned_id)["status"] == "succeeded"
    assert row_of(url, kept)["interruptions"] == 0
    assert user.post(slow, f"{JOBS}/{kept}/cancel").status_code in {200, 409}


@pytest.fixture(params=SIDES)
def stopped(request, sqlite_url, start):
    """(user, job id, side): the job was put back by a side that has shut down in good order; nobody else is there."""
    backend = start(request.param, sqlite_url, **SLOW)
    user = sign_up(backend, "ada@example.com")
    job_id = user.running(backend, user.start_job(backend)["id"])["id"]
    assert backend.stop(signal.SIGTERM) == 0
    return user, job_id, request.param


def test_a_side_that_stops_puts_its_job_back_without_counting(stopped, sqlite_url):
    _, job_id, _ = stopped
    row = row_of(sqlite_url, job_id)
    assert (row["status"], row["progress"], row["interruptions"], row["claim"]) == ("queued", 0, 0, None)
    assert row["attempt"] == 1
    assert_numbered(sqlite_url, job_id)


def test_a_job_that_was_put_back_is_gone_on_with_when_the_side_is_back(stopped, sqlite_url, start):
    user, job_id, side = stopped
    job = user.ended(start(side, sqlite_url), job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)


def test_the_other_side_takes_a_waiting_job_after_ten_seconds(stopped, sqlite_url, start):
    user, job_id, side = stopped
    other = start(OTHER[side], sqlite_url)
    own = user.analysed(other)  # its runner has looked, and left the other side's job where it was
    assert own["status"] == "succeeded"
    assert seconds_until(row_of(sqlite_url, job_id)["queued_at"]) > -10
    assert row_of(sqlite_url, job_id)["status"] == "queued"
    assert change(sqlite_url, "ai_jobs", {"queued_at": ago(11)}, id=job_id) == 1
    assert user.ended(other, job_id)["status"] == "succeeded"
    assert followed(user, other, job_id)[-1].data == {"status": "succeeded"}


def test_a_stream_does_not_keep_a_side_from_stopping(side, sqlite_url, start):
    backend = start(side, sqlite_url, **SLOW)
    user = sign_up(backend, "ada@example.com")
    job_id = user.start_job(backend)["id"]
    with following(user, backend, job_id) as response:
        stream = events(response)
        next(stream)
        assert backend.stop(signal.SIGTERM) == 0, "within the ten seconds that are waited"
    until(lambda: row_of(sqlite_url, job_id)["status"] == "queued", what="the way back")


def test_an_upload_does_not_keep_a_killed_sides_files_from_the_other(side, sqlite_url, start):
    backend = start(side, sqlite_url)
    user = sign_up(backend, "ada@example.com")
    resume_id = user.resume(backend)
    assert backend.stop(signal.SIGKILL) == -signal.SIGKILL
    other = start(OTHER[side], sqlite_url)
    assert user.get(other, f"{RESUMES}/{resume_id}/file").status_code == 200
