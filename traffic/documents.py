"""Steps of the feature `upload`: what was uploaded is there once, to the byte."""

from urllib.parse import quote

from traffic.ledger import agree, compare, compare_order, compare_total
from traffic.resumes import Resume, resume_of
from traffic.visitor import Visitor, among

RESUMES = "/api/v1/resumes"
FIELDS = ("id", "filename", "content_type", "size_bytes", "sha256", "created_at")
_BOUNDARY_BITS = 96


async def upload(visitor: Visitor) -> tuple[str, Resume]:
    """Returns the new id and what was uploaded."""
    resume = resume_of(visitor.chance, visitor.person)
    content_type, body = _form(resume, f"{visitor.chance.getrandbits(_BOUNDARY_BITS):024x}")
    answer = await visitor.ask(
        "upload", "POST", RESUMES, expect=201, body=body, headers=(("content-type", content_type),)
    )
    found = answer.json()
    if not isinstance(found, dict) or not among(found, FIELDS) or not isinstance(found["id"], str):
        raise visitor.fault("an upload has other fields")
    known = {
        "filename": resume.filename,
        "content_type": resume.content_type,
        "size_bytes": len(resume.content),
        "sha256": resume.sha256,
    }
    with visitor.judging():
        agree("upload", known, found)
    visitor.check(answer.header("location") == f"{RESUMES}/{found['id']}", "Location is wrong")
    visitor.ledger.uploads[found["id"]] = {**known, "created_at": found["created_at"]}
    return found["id"], resume


def _form(resume: Resume, boundary: str) -> tuple[str, bytes]:
    """multipart/form-data as browsers send it (RFC 7578)."""
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{resume.filename}"\r\n'
        f"Content-Type: {resume.content_type}\r\n\r\n"
    )
    return (
        f"multipart/form-data; boundary={boundary}",
        head.encode() + resume.content + f"\r\n--{boundary}--\r\n".encode(),
    )


async def list_resumes(visitor: Visitor) -> None:
    """Exactly hers."""
    found = await visitor.ask_json("list resumes", "GET", RESUMES)
    with visitor.judging():
        compare("upload", visitor.ledger.uploads, found.get("resumes"))
        compare_total("upload", visitor.ledger.uploads, found.get("total"))
        compare_order("upload", visitor.ledger.uploads, found["resumes"])


async def get_resume(visitor: Visitor, upload_id: str) -> None:
    found = await visitor.ask_json("read a resume", "GET", f"{RESUMES}/{upload_id}")
    with visitor.judging():
        agree("upload", visitor.ledger.uploads[upload_id], found)


async def download(visitor: Visitor, upload_id: str, resume: Resume) -> None:
    """The very bytes, and sometimes some of them."""
    answer = await visitor.ask("download", "GET", f"{RESUMES}/{upload_id}/file")
    visitor.check(answer.body == resume.content, "a download has other bytes than the upload")
    visitor.check(answer.header("etag") == f'"{resume.sha256}"', "ETag is wrong")
    visitor.check(
        answer.header("content-disposition") == f"attachment; filename*=UTF-8''{quote(resume.filename, safe='')}",
        "Content-Disposition is wrong",
    )
    if visitor.chance.random() < 0.3:
        await _download_range(visitor, upload_id, resume)


async def _download_range(visitor: Visitor, upload_id: str, resume: Resume) -> None:
    size = len(resume.content)
    first = visitor.chance.randrange(size)
    last = visitor.chance.randrange(first, size)
    answer = await visitor.ask(
        *("download a range", "GET", f"{RESUMES}/{upload_id}/file"),
        expect=206,
        headers=(("range", f"bytes={first}-{last}"),),
    )
    visitor.check(answer.body == resume.content[first : last + 1], "a range has other bytes than the upload")
    visitor.check(answer.header("content-range") == f"bytes {first}-{last}/{size}", "Content-Range is wrong")


async def delete_resume(visitor: Visitor, upload_id: str) -> None:
    """It is gone for good, file and all."""
    await visitor.ask("delete a resume", "DELETE", f"{RESUMES}/{upload_id}", expect=204)
    visitor.ledger.forget_upload(upload_id)
    await visitor.ask("read a deleted resume", "GET", f"{RESUMES}/{upload_id}", expect=404)
    await visitor.ask("download a deleted resume", "GET", f"{RESUMES}/{upload_id}/file", expect=404)
