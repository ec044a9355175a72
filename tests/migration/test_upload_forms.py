"""What is taken for an upload, and with which words the rest is refused."""

import hashlib

import pytest

from tests.migration.documents import DOCX, MARKDOWN, PDF, PLAIN, RESUME, docx, pdf, zipped
from tests.migration.forms import CONTENT_TYPE, END, answer_on, chunk, connect, part, send
from tests.migration.installations import MAX_UPLOAD_BYTES
from tests.migration.people import RESUMES, until

REQUIRED = {"detail": [{"loc": ["body", "file"], "msg": "Field required", "type": "missing"}]}
ONLY_ONE = {"detail": [{"loc": ["body", "file"], "msg": "Only one file is allowed", "type": "value_error"}]}
EMPTY = {"detail": [{"loc": ["body", "file"], "msg": "File is empty", "type": "value_error"}]}
MALFORMED = {"detail": "Malformed multipart body"}
TOO_LARGE = {"detail": "File too large"}
OTHER_TYPE = {"detail": "Content-Type must be multipart/form-data"}
UNSUPPORTED = {"detail": "Unsupported file type"}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@pytest.fixture(autouse=True)
def nothing_half_written(installation):
    """After each test: no bytes that no row speaks of, whatever was refused."""
    yield
    until(lambda: list((installation.storage / "incoming").iterdir()) == [], what="a clean folder")


def listed(user, backend):
    answer = user.get(backend, RESUMES)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("content", "filename", "kind"),
    [
        (RESUME, "cv.txt", PLAIN),
        (RESUME, "cv.pdf", PLAIN),
        (b"# Ada\n\n- Python\n", "cv.md", MARKDOWN),
        (pdf(), "cv.pdf", PDF),
        (pdf(), "cv.txt", PDF),
        (docx(), "cv.docx", DOCX),
        (docx(), "cv.zip", DOCX),
        ("Zoë — développeuse".encode(), "cv.txt", PLAIN),
    ],
    ids=["text", "text named pdf", "markdown", "pdf", "pdf named txt", "docx", "docx named zip", "text in UTF-8"],
)
def test_an_upload_is_told_and_kept_byte_for_byte(installation, backend, user, *, content, filename, kind):
    answer = user.upload(backend, content, filename)
    assert answer.status_code == 201, answer.text
    resume = answer.json()
    assert set(resume) == {"id", "filename", "content_type", "size_bytes", "sha256", "created_at"}
    assert resume["filename"] == filename
    assert (resume["content_type"], resume["size_bytes"]) == (kind, len(content))
    assert resume["sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.headers["location"] == f"{RESUMES}/{resume['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert user.get(backend, answer.headers["location"]).json() == resume
    assert listed(user, backend) == {"resumes": [resume], "total": 1}
    kept = installation.storage / "files" / resume["id"][:2] / resume["id"]
    assert kept.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        PNG,
        b"\x7fELF\x02\x01\x01\x00",
        b"text\x00with a NUL",
        zipped({"hello.txt": "hello"}),
        b"PK\x03\x04 no archive",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
    ],
    ids=["png", "elf", "nul", "zip", "half a zip", "jpeg"],
)
def test_another_kind_of_file_is_refused_whatever_the_client_calls_it(backend, user, content):
    answer = send(user, backend, part(content, filename=b"cv.pdf", content_type=b"application/pdf") + END)
    assert (answer.status_code, answer.json()) == (415, UNSUPPORTED)
    assert listed(user, backend) == {"resumes": [], "total": 0}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"../../etc/passwd.txt", "passwd.txt"),
        (b"C:\\Users\\Ada\\cv.txt", "cv.txt"),
        (b"a/b\\c.txt", "c.txt"),
        ("Zoë - Lebenslauf.txt".encode(), "Zoë - Lebenslauf.txt"),
        (b"caf\xe9.txt", "caf\ufffd.txt"),
        (b"a\x01b\x7fc\x1f.txt", "abc.txt"),
        (b"  cv.txt  ", "cv.txt"),
        (b"x" * 300 + b".txt", "x" * 251 + ".txt"),
        ("é".encode() * 300 + b".txt", "é" * 251 + ".txt"),
        (b"folder/", "resume"),
        (b"   ", "resume"),
        (b"..", ".."),
        (b"100%25.txt", "100%25.txt"),
        (b"it's; fine.txt", "it's; fine.txt"),
    ],
    ids=range(14),
)
def test_a_filename_is_cleaned(backend, user, sent, kept):
    answer = send(user, backend, part(RESUME, filename=sent) + END)
    assert answer.status_code == 201, answer.text
    assert answer.json()["filename"] == kept
    assert listed(user, backend)["resumes"][0]["filename"] == kept


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (part(RESUME) + END, "application/json", 415, OTHER_TYPE),
        (part(RESUME) + END, "application/octet-stream", 415, OTHER_TYPE),
        (b"{", "application/x-www-form-urlencoded", 415, OTHER_TYPE),
        (part(RESUME) + END, "multipart/mixed; boundary=a-boundary", 415, OTHER_TYPE),
        (part(RESUME) + END, "multipart/form-data", 400, MALFORMED),
        (part(RESUME) + END, "multipart/form-data; boundary=", 400, MALFORMED),
        (part(RESUME) + END, "multipart/form-data; boundary=another", 400, MALFORMED),
        (b"", CONTENT_TYPE, 400, MALFORMED),
        (b"nonsense", CONTENT_TYPE, 400, MALFORMED),
        (part(RESUME), CONTENT_TYPE, 400, MALFORMED),
        (part(RESUME)[:-2], CONTENT_TYPE, 400, MALFORMED),
        (part(RESUME)[:60], CONTENT_TYPE, 400, MALFORMED),
        (part(RESUME) + END[:-4], CONTENT_TYPE, 400, MALFORMED),
        (part(b"", name="other", filename=None), CONTENT_TYPE, 400, MALFORMED),
        (part(b"x", name="other", filename=None) + END, CONTENT_TYPE, 422, REQUIRED),
        (part(RESUME, filename=None) + END, CONTENT_TYPE, 422, REQUIRED),
        (part(RESUME, name="files") + END, CONTENT_TYPE, 422, REQUIRED),
        (part(RESUME, name="FILE") + END, CONTENT_TYPE, 422, REQUIRED),
        (part(RESUME) + part(RESUME) + END, CONTENT_TYPE, 422, ONLY_ONE),
        (part(RESUME) + part(b"") + END, CONTENT_TYPE, 422, ONLY_ONE),
        (part(PNG) + part(PNG) + END, CONTENT_TYPE, 422, ONLY_ONE),
        (part(b"") + END, CONTENT_TYPE, 422, EMPTY),
        (part(b"", filename=b"cv.png", content_type=b"image/png") + END, CONTENT_TYPE, 422, EMPTY),
    ],
    ids=range(23),
)
def test_what_is_no_upload_is_refused_in_words(backend, user, *, body, content_type, status, words):
    answer = send(user, backend, body, content_type)
    assert (answer.status_code, answer.json()) == (status, words)
    assert listed(user, backend)["total"] == 0


def test_no_content_type_at_all_is_another_one(backend, user):
    answer = user.ask(backend, "POST", RESUMES, content=part(RESUME) + END)
    assert (answer.status_code, answer.json()) == (415, OTHER_TYPE)


@pytest.mark.parametrize(
    "content_type", ["Multipart/Form-Data; boundary=a-boundary", 'multipart/form-data; boundary="a-boundary"']
)
def test_the_content_type_may_be_written_otherwise(backend, user, content_type):
    assert send(user, backend, part(RESUME) + END, content_type).status_code == 201


def test_other_parts_are_read_and_ignored(backend, user):
    note = part(b"a note" * 100, name="note", filename=None)
    picture = part(PNG, name="picture", filename=b"me.png")
    answer = send(user, backend, note + part(RESUME) + picture + END)
    assert answer.status_code == 201, answer.text
    assert answer.json()["size_bytes"] == len(RESUME)


def test_a_body_may_come_in_chunks_that_fall_anywhere(backend, user):
    body = part(RESUME) + END
    for size in (1, 7, 64):
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        answer = send(user, backend, pieces)
        assert answer.status_code == 201, answer.text
        assert answer.json()["sha256"] == hashlib.sha256(RESUME).hexdigest()


def test_content_that_looks_like_the_boundary_is_content(backend, user):
    content = RESUME + b"\r\n--a-boundar\r\n--a-boundary-not\r\n\r--a-\n--"
    answer = send(user, backend, part(content) + END)
    if answer.status_code == 201:  # `--a-boundary-not` may be taken for the delimiter, as RFC 2046 allows
        assert answer.json()["size_bytes"] == len(content)
    else:
        assert (answer.status_code, answer.json()) == (400, MALFORMED)
    content = RESUME + b"\r\n--a-boundar\r\n\r--a-\n--"
    answer = send(user, backend, part(content) + END)
    assert (answer.status_code, answer.json()["size_bytes"]) == (201, len(content))


def test_a_file_of_the_largest_size_is_taken(backend, user):
    content = b"a line of text\n" * (MAX_UPLOAD_BYTES // 15) + b"x" * (MAX_UPLOAD_BYTES % 15)
    answer = user.upload(backend, content)
    assert (answer.status_code, answer.json()["size_bytes"]) == (201, MAX_UPLOAD_BYTES)


LARGER = part(b"x" * (MAX_UPLOAD_BYTES + 1))
NOTES = part(b"x" * 40_000, name="a", filename=None) + part(b"x" * 30_000, name="b", filename=None)


@pytest.mark.parametrize(
    "body", [LARGER, NOTES, part(b"x" * 70_000, name="other")], ids=["file", "fields", "another file"]
)
def test_too_much_is_refused_as_soon_as_that_is_known(backend, user, body):
    """The body never ends: only an answer that does not wait for its end comes at all."""
    for framing, content in (
        (f"Content-Length: {len(body) + 100_000}", body),
        ("Transfer-Encoding: chunked", chunk(body)),
    ):
        with connect(user, backend, framing=framing) as connection:
            connection.sendall(content)
            head, words = answer_on(connection)
        assert head.startswith(b"HTTP/1.1 413 "), head
        assert b"\r\nconnection: close" in head.lower()
        assert words == b'{"detail":"File too large"}'
    assert listed(user, backend)["total"] == 0


def test_too_large_comes_before_all_that_is_wrong_with_the_parts(backend, user):
    for body in (part(PNG) + LARGER, LARGER + part(RESUME), part(b"") + NOTES):
        answer = send(user, backend, body + END)
        assert (answer.status_code, answer.json()) == (413, TOO_LARGE)
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"{", "application/json"), (b"nonsense", CONTENT_TYPE), (b"", CONTENT_TYPE)],
    ids=range(3),
)
def test_who_is_not_signed_in_is_told_so_before_the_body_is_looked_at(backend, body, content_type):
    answer = backend.client.post(RESUMES, content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_client_that_leaves_in_the_middle_leaves_nothing(installation, backend, user):
    incoming = installation.storage / "incoming"
    with connect(user, backend, framing="Content-Length: 500000") as connection:
        connection.sendall(part(RESUME * 300)[:200_000])
        until(lambda: list(incoming.iterdir()), what="a part file")
    until(lambda: list(incoming.iterdir()) == [], what="the removal of the part file")
    assert listed(user, backend) == {"resumes": [], "total": 0}
