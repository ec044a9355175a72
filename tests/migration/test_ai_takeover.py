"""A side that dies or stops in the middle of a job: the other, or it itself when it is back, brings that to its end."""

import itertools
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.migration.backends import SIDES
from tests.migration.installations import OTHER
from tests.migration.people import sign_up
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


@pytest.fixture(params=SIDES)
def stopped(request, sqlite_url, start):
    """(user, job id, side): the job ran on a side that was told to stop, while somebody followed it."""
    backend = start(request.param, sqlite_url, **SLOW)
    user = sign_up(backend, "ada@example.com")
    job_id = user.running(backend, user.start_job(backend)["id"])["id"]
    with following(user, backend, job_id) as response:
        stream = events(response)
        next(stream)
        assert backend.stop(signal.SIGTERM) == 0, "a stream must not keep it for longer than is waited here"
    return user, job_id, request.param


def test_a_side_that_stops_puts_its_job_back_without_counting_and_goes_on_with_it_when_it_is_back(
    stopped, sqlite_url, start
):
    user, job_id, side = stopped
    row = row_of(sqlite_url, job_id)
    assert (row["status"], row["progress"], row["interruptions"], row["claim"]) == ("queued", 0, 0, None)
    job = user.ended(start(side, sqlite_url), job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert_numbered(sqlite_url, job_id)


def test_the_other_side_takes_a_waiting_job_after_ten_seconds(stopped, sqlite_url, start):
    user, job_id, side = stopped
    assert change(sqlite_url, "ai_jobs", {"queued_at": ago(-60)}, id=job_id) == 1
    other = start(OTHER[side], sqlite_url)
    assert change(sqlite_url, "ai_jobs", {"queued_at": ago(0)}, id=job_id) == 1
    assert user.analysed(other)["status"] == "succeeded", "it has looked, and left the other side's job where it was"
    assert seconds_until(row_of(sqlite_url, job_id)["queued_at"]) > -10, "this machine is too slow for this test"
    assert row_of(sqlite_url, job_id)["status"] == "queued"
    assert change(sqlite_url, "ai_jobs", {"queued_at": ago(11)}, id=job_id) == 1
    assert user.ended(other, job_id)["status"] == "succeeded"
    assert followed(user, other, job_id)[-1].data == {"status": "succeeded"}
