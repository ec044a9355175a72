"""The file of a resume, whole and in parts, whichever side has taken it."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import pytest

from tests.migration.documents import RESUME, docx, pdf
from tests.migration.people import RESUMES

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def path(backend, user):
    return f"{RESUMES}/{user.resume(backend, LETTERS)}/file"


@pytest.mark.parametrize(
    ("content", "filename", "shown"),
    [
        (RESUME, "cv.txt", "text/plain; charset=utf-8"),
        (RESUME, "cv.md", "text/markdown; charset=utf-8"),
        (pdf(), "cv.pdf", "application/pdf"),
        (docx(), "cv.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
    ids=["text", "markdown", "pdf", "docx"],
)
def test_a_file_is_read_on_either_side_byte_for_byte(crossing, user, content, filename, shown):
    first, second = crossing
    resume = user.upload(first, content, filename).json()
    answer = user.get(second, f"{RESUMES}/{resume['id']}/file")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == shown
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{filename}"
    assert answer.headers["etag"] == f'"{resume["sha256"]}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    created = datetime.fromisoformat(resume["created_at"])
    assert parsedate_to_datetime(answer.headers["last-modified"]) == created.replace(microsecond=0).astimezone(UTC)


def test_head_is_get_without_the_body(backend, user, path):
    get, head = (user.ask(backend, method, path) for method in ("GET", "HEAD"))
    kept = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in (get, head)]
    assert kept[0] == kept[1]
    assert (head.status_code, head.content) == (200, b"")


def test_a_large_file_comes_whole(crossing, user):
    first, second = crossing
    content = b"".join(b"line %d\n" % number for number in range(80_000))
    resume_id = user.resume(first, content)
    assert user.get(second, f"{RESUMES}/{resume_id}/file").content == content
    part = user.get(second, f"{RESUMES}/{resume_id}/file", Range="bytes=300000-799999")
    assert (part.status_code, part.content) == (206, content[300_000:800_000])


@pytest.mark.parametrize(
    "filename", ["Zoë's cv (1).txt", "100%.txt", "a;b,c=d.txt", "日本語.txt", 'a"b.txt', "a+b&c~d!e#f$g^h`i|j.txt"]
)
def test_a_filename_of_any_kind_comes_back(backend, user, filename):
    resume = user.upload(backend, RESUME, filename).json()
    shown = user.get(backend, f"{RESUMES}/{resume['id']}/file").headers["content-disposition"]
    before, _, encoded = shown.partition("''")
    assert before == "attachment; filename*=UTF-8"
    assert encoded.isascii()
    assert not set(encoded) & set(" \"'()*,/:;<=>?@[\\]{}"), "RFC 8187 allows none of these"
    assert unquote(encoded) == resume["filename"]


PARTS = [
    ("bytes=0-4", "bytes 0-4/26", b"abcde"),
    ("bytes=0-0", "bytes 0-0/26", b"a"),
    ("bytes=20-", "bytes 20-25/26", b"uvwxyz"),
    ("bytes=25-25", "bytes 25-25/26", b"z"),
    ("bytes=25-", "bytes 25-25/26", b"z"),
    ("bytes=3-99", "bytes 3-25/26", LETTERS[3:]),
    ("bytes=0-", "bytes 0-25/26", LETTERS),
    ("bytes=-5", "bytes 21-25/26", b"vwxyz"),
    ("bytes=-26", "bytes 0-25/26", LETTERS),
    ("bytes=-100", "bytes 0-25/26", LETTERS),
    ("bytes=007-008", "bytes 7-8/26", b"hi"),
]


def test_one_range_is_answered_206(backend, user, path):
    for asked, told, content in PARTS:
        answer = user.get(backend, path, Range=asked)
        assert (asked, answer.status_code, answer.headers.get("content-range")) == (asked, 206, told)
        assert answer.content == content
        assert answer.headers["content-length"] == str(len(content))
        assert {"etag", "last-modified", "content-disposition", "cache-control"} <= set(answer.headers)


def test_a_range_beyond_the_end_is_416(backend, user, path):
    for asked in ("bytes=26-", "bytes=26-30", "bytes=1000-1001", "bytes=-0"):
        answer = user.get(backend, path, Range=asked)
        assert (asked, answer.status_code, answer.json()) == (asked, 416, {"detail": "Range not satisfiable"})
        assert answer.headers["content-range"] == "bytes */26"


IGNORED = [
    "bytes=0-1,3-4",
    "bytes=0-1, 3-4",
    "items=0-1",
    "bytes=5-4",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=1-b",
    "bytes 0-1",
    "bytes=+1-2",
    "bytes=1_0-12",
    "bytes=0x1-2",
    "bytes=--1",
    "bytes=1-2-3",
    "0-1",
    "",
]


def test_what_is_no_range_of_bytes_is_ignored(backend, user, path):
    for asked in [*IGNORED, "bytes=\u0660-\u0661".encode()]:
        answer = user.get(backend, path, Range=asked)
        assert (asked, answer.status_code, answer.content) == (asked, 200, LETTERS)
        assert "content-range" not in answer.headers


def test_a_number_of_thousands_of_digits_is_beyond_the_end(backend, user, path):
    nines = "9" * 5000
    assert user.get(backend, path, Range=f"bytes={nines}-").status_code == 416
    assert user.get(backend, path, Range=f"bytes=3-{nines}").content == LETTERS[3:]
    assert user.get(backend, path, Range=f"bytes=-{nines}").content == LETTERS


def test_a_client_that_has_the_file_is_told_304(backend, user, path):
    tag = user.get(backend, path).headers["etag"]
    for known in (tag, f"W/{tag}", "*", f'"x", {tag}', f'"x",W/{tag} , "y"'):
        answer = user.get(backend, path, If_None_Match=known)
        assert (known, answer.status_code, answer.content) == (known, 304, b"")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (tag, "private, no-cache")
        head = user.ask(backend, "HEAD", path, headers={"If-None-Match": known})
        assert head.status_code == 304
    assert user.get(backend, path, If_None_Match=tag, Range="bytes=0-1").status_code == 304
    for unknown in ('"x"', tag.strip('"'), "", f'"{tag}"'):
        assert user.get(backend, path, If_None_Match=unknown).status_code == 200


def test_a_range_of_another_version_is_not_mixed_in(backend, user, path):
    whole = user.get(backend, path)
    tag, date = whole.headers["etag"], whole.headers["last-modified"]
    assert user.get(backend, path, Range="bytes=0-1", If_Range=tag).status_code == 206
    for other in ('"x"', f"W/{tag}", date, "nonsense"):
        answer = user.get(backend, path, Range="bytes=0-1", If_Range=other)
        assert (other, answer.status_code, answer.content) == (other, 200, LETTERS)
    assert user.get(backend, path, Range="bytes=99-", If_Range='"x"').status_code == 200


def test_the_file_is_not_found_before_its_range_is_looked_at(backend, user):
    answer = user.get(backend, f"{RESUMES}/00000000-0000-0000-0000-000000000000/file", Range="bytes=99-")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Resume not found"})
