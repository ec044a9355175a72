"""One scripted tour of the whole API, and its answers without what differs from one run to the next."""

import re
from dataclasses import dataclass, field

from tests.migration.documents import RESUME, pdf
from tests.migration.forms import CONTENT_TYPE, END, part
from tests.migration.oddities import BODIES, FILENAMES, FORM_TYPES, FORMS, QUERIES, RANGES
from tests.migration.people import AUTH, JOBS, PASSWORD, RESUMES, REVIEWS

ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
TOKEN = re.compile(rb'"((?:access|refresh)_token)":"[^"]+"')
NOT_COMPARED = {"date", "x-served-by", "last-modified"}
NOBODYS = "00000000-0000-4000-8000-000000000000"
BAD_IDS = (NOBODYS, "nothing", "%00", "%F0%9F%98%80", "x" * 300, NOBODYS.upper().replace("0", "A"))


@dataclass(frozen=True)
class Step:
    method: str
    path: str
    save: dict = field(default_factory=dict)
    more: dict = field(default_factory=dict)
    anonymous: bool = False
    until: str | None = None
    """Ask until the answer has these words."""


def step(method, path, *, save=None, anonymous=False, until=None, **more):
    return Step(method, path, save or {}, more, anonymous, until)


def upload(content=RESUME, **more):
    headers = {"Content-Type": CONTENT_TYPE}
    return step("POST", RESUMES, content=part(content, **more) + END, headers=headers)


def form(body, content_type=CONTENT_TYPE):
    return step("POST", RESUMES, content=body, headers={"Content-Type": content_type})


POSTS = [f"{AUTH}/password", JOBS, REVIEWS, REVIEWS + "/{review_id}/comments"]
PATHS = [
    "/healthz",
    f"{AUTH}/register",
    f"{AUTH}/sessions",
    f"{AUTH}/sessions/{{session_id}}",
    f"{AUTH}/password",
    RESUMES,
    RESUMES + "/{resume_id}",
    RESUMES + "/{resume_id}/file",
    "/api/v1/ai/agents",
    JOBS,
    JOBS + "/{job_id}",
    JOBS + "/{job_id}/events",
    JOBS + "/{job_id}/cancel",
    JOBS + "/{job_id}/retry",
    REVIEWS,
    REVIEWS + "/{review_id}",
    REVIEWS + "/{review_id}/export.md",
    REVIEWS + "/{review_id}/comments",
    REVIEWS + "/{review_id}/comments/{comment_id}",
    "/api/v1/openapi.json",
    f"{RESUMES}/",
    f"{JOBS}/",
    "/api/v1/ai",
    "/api/v1/ai/agents/resume-analysis",
    f"{RESUMES}/{NOBODYS}/nothing",
    "/api/v1/resumesX",
]
PREFLIGHT = {
    "Origin": "https://app.example.com",
    "Access-Control-Request-Method": "DELETE",
    "Access-Control-Request-Headers": "authorization, last-event-id",
}

BEGIN = [
    step("POST", f"{AUTH}/password", json={"current_password": "wrong", "new_password": "long enough"}),
    step("POST", f"{AUTH}/password", json={"current_password": PASSWORD, "new_password": "short"}),
    step("GET", f"{AUTH}/sessions", save={"session_id": lambda body: body["sessions"][0]["id"]}),
    step("POST", RESUMES, files={"file": ("Zoë's cv.txt", RESUME)}, save={"resume_id": lambda body: body["id"]}),
    step("POST", JOBS, json={"resume_id": "{resume_id}"}, save={"job_id": lambda body: body["id"]}),
    step("GET", JOBS + "/{job_id}", until='"succeeded"'),
    step("GET", JOBS + "/{job_id}/events"),
    step(
        "POST", REVIEWS, json={"job_id": "{job_id}", "title": "*A* title"}, save={"review_id": lambda body: body["id"]}
    ),
    step(
        "POST",
        REVIEWS + "/{review_id}/comments",
        json={"body": "One\r\n\n\n  two\u2028three *x*\n", "section": "Skills *and* more"},
        save={"comment_id": lambda body: body["id"]},
    ),
    step("POST", REVIEWS + "/{review_id}/comments", json={"body": " ", "section": ""}),
    step("POST", REVIEWS + "/{review_id}/comments", json={"body": "x", "section": "   ", "unknown": 1}),
    step("GET", REVIEWS + "/{review_id}/export.md"),
]
MIDDLE = [
    *(
        step(method, path)
        for path in PATHS
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "NONSENSE")
    ),
    *(step("OPTIONS", path, headers=PREFLIGHT) for path in PATHS),
    *(step(method, path, anonymous=True) for path in PATHS for method in ("GET", "POST", "DELETE")),
    *(step("POST", path, content=body) for path in [*POSTS, f"{AUTH}/register"] for body in BODIES),
    *(step("POST", path, content=b"x" * 70_000, anonymous=True) for path in POSTS),
    *(step("GET", f"{path}?{query}") for path in (RESUMES, JOBS, REVIEWS) for query in QUERIES),
    *(
        step(method, path.format(bad))
        for bad in BAD_IDS
        for method, path in (
            ("GET", RESUMES + "/{}"),
            ("GET", RESUMES + "/{}/file"),
            ("DELETE", RESUMES + "/{}"),
            ("GET", JOBS + "/{}"),
            ("GET", JOBS + "/{}/events"),
            ("POST", JOBS + "/{}/cancel"),
            ("POST", JOBS + "/{}/retry"),
            ("GET", REVIEWS + "/{}"),
            ("GET", REVIEWS + "/{}/export.md"),
            ("DELETE", REVIEWS + "/{}"),
            ("DELETE", AUTH + "/sessions/{}"),
        )
    ),
    *(step("DELETE", f"{REVIEWS}/{{review_id}}/comments/{bad}") for bad in BAD_IDS),
    *(step("GET", RESUMES + "/{resume_id}/file", headers={"Range": odd}) for odd in RANGES),
    *(step("HEAD", RESUMES + "/{resume_id}/file", headers={"Range": odd}) for odd in ("bytes=0-1", "bytes=9999-")),
    *(
        step("GET", RESUMES + "/{resume_id}/file", headers={"If-None-Match": odd})
        for odd in ("*", "W/*", '"', "W/", 'w/"x"', ",", '"a" "b"')
    ),
    *(
        step("GET", RESUMES + "/{resume_id}/file", headers={"Range": "bytes=0-1", "If-Range": odd})
        for odd in ("*", "", "Mon, 01 Jan 2035 00:00:00 GMT")
    ),
    *(
        step("GET", JOBS + "/{job_id}/events", headers={"Last-Event-ID": odd})
        for odd in ("0", "3", "-1", "+3", "03", "3.0", "99", "x", "9" * 30, "9" * 5000, "3,4", "1_0")
    ),
    *(upload(filename=name) for name in FILENAMES),
    *(form(body) for body in FORMS),
    *(form(part(RESUME) + END, content_type) for content_type in FORM_TYPES),
    *(
        upload(content)
        for content in (b"\xff\xfea\x00", b"\xef\xbb\xbftext", b"\x0c", b" ", b"\n", b"%PDF", pdf()[:-60])
    ),
    step("POST", JOBS, json={"resume_id": "{resume_id}", "agent": "keyword-match"}),
    step("POST", JOBS, json={"resume_id": NOBODYS, "agent": "keyword-match"}),
    step("POST", JOBS, json={"resume_id": 7, "agent": 7, "job_text": 7}),
    step("POST", JOBS, json={"resume_id": "{resume_id}", "job_text": "a\u0085b"}),
    step("POST", JOBS, content=b'{"resume_id": "x", "job_text": "\\ud800"}'),
    step("POST", JOBS + "/{job_id}/cancel"),
    step("POST", JOBS + "/{job_id}/cancel", content=b"{"),
    step("POST", JOBS + "/{job_id}/retry"),
    step("POST", REVIEWS, json={"job_id": "{job_id}"}),
    step("POST", REVIEWS, json={"job_id": "{job_id}", "title": "a\u0085b"}),
    step("POST", REVIEWS, json={"job_id": 7, "title": 7}),
    step("POST", REVIEWS + "/{review_id}/comments", json={"body": "x" * 5000, "section": "x" * 100}),
    step("GET", REVIEWS + "/{review_id}"),
    step("GET", REVIEWS + "/{review_id}/export.md"),
]
LAST = [
    step("DELETE", REVIEWS + "/{review_id}/comments/{comment_id}"),
    step("DELETE", REVIEWS + "/{review_id}/comments/{comment_id}"),
    step("GET", REVIEWS + "/{review_id}"),
    step("DELETE", REVIEWS + "/{review_id}"),
    step("DELETE", RESUMES + "/{resume_id}", content=b"a body"),
    step("GET", RESUMES),
    step("POST", f"{AUTH}/password", json={"current_password": PASSWORD, "new_password": "another one"}),
    *(step("POST", f"{AUTH}/password", json={"current_password": PASSWORD, "new_password": "x" * 9}) for _ in range(6)),
    step("DELETE", AUTH + "/sessions/{session_id}"),
    step("GET", f"{AUTH}/me"),
]
STEPS = [*BEGIN, *MIDDLE, *LAST]


@dataclass
class Tourist:
    """Walks the steps on one side, and remembers the ids that the steps to come need."""

    user: object
    backend: object
    names: dict = field(default_factory=dict)

    def take(self, step):
        """(status, headers, body) with ids, times and tokens replaced, so that two tourists can be compared."""
        answer = self._ask(step)
        while step.until is not None and step.until not in answer.text:
            assert '"failed"' not in answer.text, answer.text
            answer = self._ask(step)
        for name, find in step.save.items():
            self.names[name] = find(answer.json())
        headers = {k: self._plain(v.encode()) for k, v in answer.headers.items() if k not in NOT_COMPARED}
        if "retry-after" in headers:
            headers["retry-after"] = b"SECONDS"
        if step.path == "/healthz":
            headers.pop("content-length", None)
        return answer.status_code, headers, self._plain(answer.content)

    def _ask(self, step):
        more = {name: self._filled(value) for name, value in step.more.items()}
        path = self._filled(step.path)
        if step.anonymous:
            return self.backend.client.request(step.method, path, **more)
        return self.user.ask(self.backend, step.method, path, **more)

    def _filled(self, value):
        if isinstance(value, dict):
            return {name: self._filled(each) for name, each in value.items()}
        if isinstance(value, str):
            for name, known in self.names.items():
                value = value.replace(f"{{{name}}}", known)
        return value

    def _plain(self, content):
        """Ids become the names they are known by; others are numbered within the answer."""
        known, others = {number.encode(): name.encode() for name, number in self.names.items()}, {}
        content = ID.sub(
            lambda found: known.get(found[0]) or b"id-%d" % others.setdefault(found[0], len(others)), content
        )
        content = TOKEN.sub(rb'"\1":"TOKEN"', TIME.sub(b"TIME", content))
        return content.replace(self.user.email.encode(), b"EMAIL").replace(
            b'"side":"%s"' % self.backend.side.encode(), b'"side":"SIDE"'
        )
