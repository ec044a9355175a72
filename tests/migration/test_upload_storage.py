"""Files and rows go together: whatever fails, and however many come at once."""

import hashlib
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.migration.documents import RESUME
from tests.migration.people import RESUMES, sign_up, until
from tests.migration.tables import count, insert, rows


def test_part_files_of_an_hour_ago_are_removed_at_start(side, sqlite_url, tmp_path, start):
    incoming = tmp_path / "files" / "incoming"
    incoming.mkdir(parents=True)
    for name, age in (("old.part", 3700), ("young.part", 3500)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age,) * 2)
    start(side, sqlite_url)
    until(lambda: [file.name for file in incoming.iterdir()] == ["young.part"], what="the removal of old parts")


def test_a_row_that_cannot_be_inserted_leaves_no_file(side, sqlite_url, tmp_path, start):
    backend = start(side, sqlite_url)
    user = sign_up(backend, "ada@example.com")
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("CREATE TRIGGER t BEFORE INSERT ON resumes BEGIN SELECT RAISE(ABORT, 'broken'); END")
    database.close()
    assert user.upload(backend).status_code == 500
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_a_deleted_resume_is_gone_with_its_file(crossing, installation, user):
    first, second = crossing
    resume_id = user.resume(first)
    file = installation.storage / "files" / resume_id[:2] / resume_id
    assert file.exists()
    answer = user.delete(second, f"{RESUMES}/{resume_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    until(lambda: not file.exists(), what="the removal of the file")
    assert count(installation.database_url, "resumes", id=resume_id) == 0
    for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        again = user.ask(first, method, f"{RESUMES}/{resume_id}{path}")
        assert (again.status_code, again.json()) == (404, {"detail": "Resume not found"})


def test_a_resume_whose_file_is_lost_can_still_be_deleted(backend, installation, user):
    resume_id = user.resume(backend)
    (installation.storage / "files" / resume_id[:2] / resume_id).unlink()
    answer = user.get(backend, f"{RESUMES}/{resume_id}/file")
    assert (answer.status_code, answer.json()) == (404, {"detail": "File not found"})
    assert user.delete(backend, f"{RESUMES}/{resume_id}").status_code == 204


def test_a_row_from_before_files_were_kept_is_listed_without_a_hash(backend, installation, user):
    (owner,) = rows(installation.database_url, "users", email=user.email)
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    old = {"id": str(uuid4()), "filename": "old.pdf", "size_bytes": 7}
    insert(installation.database_url, "resumes", {**old, "user_id": owner["id"], "created_at": at})
    shown = {
        **old,
        "content_type": "application/octet-stream",
        "sha256": None,
        "created_at": "2026-01-02T03:04:05.678901Z",
    }
    assert user.get(backend, RESUMES).json() == {"resumes": [shown], "total": 1}
    assert user.get(backend, f"{RESUMES}/{old['id']}").json() == shown
    answer = user.get(backend, f"{RESUMES}/{old['id']}/file")
    assert (answer.status_code, answer.json()) == (404, {"detail": "File not found"})
    assert user.delete(backend, f"{RESUMES}/{old['id']}").status_code == 204


def test_of_many_uploads_at_once_on_both_sides_none_is_lost_or_doubled(sides, installation, user):
    def upload(number):
        content = RESUME + f"\nNumber {number}\n".encode() * (1 + number * 97 % 1000)
        answer = user.upload(sides[("legacy", "new")[number % 2]], content, f"{number}.txt")
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], content

    with ThreadPoolExecutor(16) as threads:
        uploaded = dict(threads.map(upload, range(48)))
    assert len(uploaded) == 48
    for backend in sides.values():
        listed = user.get(backend, RESUMES).json()
        assert listed["total"] == 48
        assert {resume["id"]: resume["sha256"] for resume in listed["resumes"]} == {
            number: hashlib.sha256(content).hexdigest() for number, content in uploaded.items()
        }
    for number, content in uploaded.items():
        assert (installation.storage / "files" / number[:2] / number).read_bytes() == content


def test_of_concurrent_deletions_one_wins(sides, user):
    resume_id = user.resume(sides["legacy"])
    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(
                lambda n: user.delete(sides[("legacy", "new")[n % 2]], f"{RESUMES}/{resume_id}").status_code, range(8)
            )
        )
    assert sorted(statuses) == [204] + [404] * 7


def test_resumes_are_listed_newest_first_by_pages(crossing, user):
    first, second = crossing
    ids = [user.resume(backend) for backend in (first, second, first, second)][::-1]
    for query, expected in (("", ids), ("?limit=2", ids[:2]), ("?limit=2&offset=3", ids[3:]), ("?offset=4", [])):
        for backend in crossing:
            answer = user.get(backend, f"{RESUMES}{query}").json()
            assert [resume["id"] for resume in answer["resumes"]] == expected
            assert answer["total"] == 4


def test_of_one_moment_resumes_are_listed_by_their_ids(backend, installation, user):
    (owner,) = rows(installation.database_url, "users", email=user.email)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    ids = [str(uuid4()) for _ in range(5)]
    more = {"user_id": owner["id"], "filename": "cv.pdf", "size_bytes": 1, "created_at": at}
    insert(installation.database_url, "resumes", *({"id": number, **more} for number in ids))
    assert [resume["id"] for resume in user.get(backend, RESUMES).json()["resumes"]] == sorted(ids)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=", "offset=-1", "offset=1000001", "limit=1.5", "limit=1e1"]
)
def test_a_page_that_cannot_be_is_named(backend, user, query):
    answer = user.get(backend, f"{RESUMES}?{query}")
    assert answer.status_code == 422
    assert [fault["loc"] for fault in answer.json()["detail"]] == [["query", query.partition("=")[0]]]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/file"), ("HEAD", "/file"), ("DELETE", "")], ids="".join
)
def test_somebody_elses_resume_does_not_exist(backend, user, stranger, method, path):
    resume_id = user.resume(backend)
    answer = stranger.ask(backend, method, f"{RESUMES}/{resume_id}{path}")
    missing = stranger.ask(backend, method, f"{RESUMES}/{uuid4()}{path}")
    assert (answer.status_code, answer.content) == (404, missing.content)
    assert method == "HEAD" or answer.json() == {"detail": "Resume not found"}
    assert user.get(backend, f"{RESUMES}/{resume_id}").status_code == 200


@pytest.mark.parametrize("number", ["nothing", "%00", "0", "x" * 300, "00000000-0000-0000-0000-000000000000"])
def test_an_id_that_is_none_is_not_found(backend, user, number):
    for path in ("", "/file"):
        answer = user.get(backend, f"{RESUMES}/{number}{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Resume not found"})


def test_who_is_not_signed_in_learns_nothing(backend, user):
    resume_id = user.resume(backend)
    for number in (resume_id, str(uuid4()), "nothing"):
        for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
            answer = backend.client.request(method, f"{RESUMES}/{number}{path}")
            assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
