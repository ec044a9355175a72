"""A side that dies or stops in the middle of a job: the other, or it itself when it is back, brings that to its end."""

import itertools
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.migration.backends import SIDES
from tests.migration.installations import OTHER
from tests.migration.people import JOBS, RESUMES, sign_up, until
from tests.migration.streams import events, followed, following
from tests.migration.tables import change, rows

SLOW = {"AI_STEP_SECONDS": "30"}


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


@pytest.fixture(params=itertools.product(("sqlite", "postgresql"), SIDES), ids="-".join)
def installation(request, installations):
    """Only the side that is to survive."""
    kind, survivor = request.param
    return installations.alone(kind, survivor)


@pytest.fixture
def survivor(sides):
    (survivor,) = sides.values()
    return survivor


@pytest.fixture
def abandoned(survivor, installation, user, start):
    """The id of a job whose runner, the other side, has been killed while it ran."""
    doomed = start(OTHER[survivor.side], installation.database_url, **{**installation.env, **SLOW})
    job_id = user.running(doomed, user.start_job(doomed)["id"])["id"]
    row = row_of(installation.database_url, job_id)
    assert row["claim"] is not None
    assert 20 < seconds_until(row["lease_until"]) <= 30
    assert doomed.stop(signal.SIGKILL) == -signal.SIGKILL
    return job_id


def test_a_job_whose_runner_was_killed_is_taken_over_once_its_lease_has_run_out(
    abandoned, survivor, user, database_url
):
    with following(user, survivor, abandoned) as response:
        stream = events(response)
        assert [next(stream).data["status"] for _ in range(2)] == ["queued", "running"]
        assert change(database_url, "ai_jobs", {"lease_until": ago(1)}, id=abandoned) == 1
        later = [event.data for event in stream]
    assert [later[0]["status"], later[-1]["status"]] == ["queued", "succeeded"]
    row = row_of(database_url, abandoned)
    assert (row["status"], row["attempt"], row["interruptions"]) == ("succeeded", 1, 1)
    assert_numbered(database_url, abandoned)


def test_the_third_interruption_fails_the_job(abandoned, survivor, user, database_url):
    assert change(database_url, "ai_jobs", {"lease_until": ago(1), "interruptions": 2}, id=abandoned) == 1
    job = user.ended(survivor, abandoned)
    assert (job["status"], job["error"]) == ("failed", "The analysis was interrupted")
    assert job["finished_at"] is not None
    assert_numbered(database_url, abandoned)
    assert user.post(survivor, f"{JOBS}/{abandoned}/retry").status_code == 202
    assert user.ended(survivor, abandoned)["status"] == "succeeded"
    assert row_of(database_url, abandoned)["interruptions"] == 0


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
