"""A database whose tables are gone stands for one that is away: 503 from every feature, and nothing is left behind."""

import contextlib
import sqlite3

import httpx

from tests.migration.people import JOBS, RESUMES, REVIEWS, sign_up
from tests.migration.streams import events, following

NOBODYS = "00000000-0000-4000-8000-000000000000"
UNAVAILABLE = (503, {"detail": "Service Unavailable"})


def drop(sqlite_url, *tables):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        for table in tables:
            database.execute(f"DROP TABLE {table}")
    database.close()


def test_every_feature_says_that_it_is_unavailable_and_streams_end(side, sqlite_url, tmp_path, start):
    backend = start(side, sqlite_url, AI_STEP_SECONDS="30")
    user = sign_up(backend, "ada@example.com")
    job_id = user.start_job(backend)["id"]
    files = kept_files(tmp_path)
    with following(user, backend, job_id) as response:
        stream = events(response)
        next(stream)
        drop(sqlite_url, "review_comments", "reviews", "ai_job_events", "ai_jobs", "resumes")
        with contextlib.suppress(httpx.RemoteProtocolError):  # cut off or ended: either way browsers come back
            assert "end" not in {event.name for event in stream}
    answers = [
        user.get(backend, RESUMES),
        user.upload(backend),
        user.get(backend, JOBS),
        user.post(backend, JOBS, {"resume_id": NOBODYS}),
        user.get(backend, f"{JOBS}/{NOBODYS}/events"),
        user.get(backend, REVIEWS),
        user.post(backend, REVIEWS, {"job_id": NOBODYS}),
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [UNAVAILABLE] * len(answers)
    assert kept_files(tmp_path) == files, "what the last upload brought is gone"
    assert user.get(backend, "/api/v1/auth/me").status_code == 200
    assert "Traceback" not in backend.log.read_text()


def kept_files(folder):
    return [path for path in (folder / "files").rglob("*") if path.is_file()]
