"""The sample application as far as users of `traffic` see it, in memory, on a real socket; it misbehaves when told to.

    with application() as app:                     # healthy
    with application("lost upload") as app:        # every tenth upload is answered and forgotten

Jobs end as quickly as they are followed, and passwords are compared as they are: what is tested is who finds the fault.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import re
import socket
import threading
import uuid
from datetime import UTC, datetime
from io import BytesIO
from urllib.parse import quote

import uvicorn
from pypdf import PdfReader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

STEPS = ("extract", "sections", "skills", "score")
FINAL = ("succeeded", "failed", "cancelled")

FAULTS = (
    "lost upload", "doubled upload", "other bytes", "doubled job", "lost job", "a job that fails",
    "a hole in the events", "an event twice", "cut streams", "streams that are always cut", "a session too many",
    "a leaking logout", "a refresh token that counts twice", "a lost comment", "an error", "a cut answer", "no answer",
    "somebody else's list",
)  # fmt: skip


def words():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def fresh():
    return str(uuid.uuid4())


class Application:
    """fault: what is wrong with it, at every `each`-th occasion. sides: whether it tells a side and issues a cookie, as
    the gateway would that is not there.
    """

    def __init__(self, fault="", *, each=3, sides=True):
        assert not fault or fault in FAULTS
        self.fault, self.each, self.sides = fault, each, sides
        self.port = 0
        self.requests = []
        self.open = threading.Event()
        """Logins wait while it is not set."""
        self.open.set()
        self._occasions = 0
        self.users, self.sessions, self.refreshes = {}, {}, {}
        self.resumes, self.jobs, self.reviews, self.failures = {}, {}, {}, {}
        route = self._route
        self.asgi = Starlette(
            routes=[
                route("/api/v1/auth/config", self.config),
                route("/api/v1/auth/register", self.register, "POST"),
                route("/api/v1/auth/login", self.login, "POST"),
                route("/api/v1/auth/refresh", self.refresh, "POST"),
                route("/api/v1/auth/logout", self.logout, "POST"),
                route("/api/v1/auth/me", self.me),
                route("/api/v1/auth/sessions", self.list_sessions),
                route("/api/v1/auth/sessions/{id}", self.revoke_session, "DELETE"),
                route("/api/v1/auth/password", self.password, "POST"),
                route("/api/v1/resumes", self.list_resumes),
                route("/api/v1/resumes", self.upload, "POST"),
                route("/api/v1/resumes/{id}", self.get_resume),
                route("/api/v1/resumes/{id}", self.delete_resume, "DELETE"),
                route("/api/v1/resumes/{id}/file", self.download),
                route("/api/v1/ai/agents", self.agents),
                route("/api/v1/ai/jobs", self.list_jobs),
                route("/api/v1/ai/jobs", self.start_job, "POST"),
                route("/api/v1/ai/jobs/{id}", self.get_job),
                route("/api/v1/ai/jobs/{id}/events", self.events),
                route("/api/v1/ai/jobs/{id}/cancel", self.cancel, "POST"),
                route("/api/v1/ai/jobs/{id}/retry", self.retry, "POST"),
                route("/api/v1/reviews", self.list_reviews),
                route("/api/v1/reviews", self.create_review, "POST"),
                route("/api/v1/reviews/{id}", self.get_review),
                route("/api/v1/reviews/{id}/comments", self.comment, "POST"),
                route("/api/v1/reviews/{id}/export.md", self.export),
            ]
        )

    def _route(self, path, endpoint, method="GET"):
        async def answered(request):
            self.requests.append(request)
            try:
                answer = await endpoint(request)
            except HTTPException as error:
                answer = JSONResponse({"detail": error.detail}, error.status_code, error.headers)
            if self.sides:
                bucket = hashlib.sha256(request.headers.get("user-agent", "").encode()).digest()[0]
                answer.headers["x-gateway-feature"] = path.split("/")[3]
                answer.headers["x-gateway-side"] = "new" if bucket % 2 else "legacy"
                answer.headers.append("set-cookie", "gateway_id=sticks; Path=/; HttpOnly")
            return answer

        return Route(path, answered, methods=[method])

    def now_and_then(self, fault):
        """Whether this is an occasion for that fault to show. They are counted in the order of arrival: let only the
        requests of one step be occasions, or another step may meet each of them.
        """
        if fault != self.fault:
            return False
        self._occasions += 1
        return self._occasions % self.each == 0

    # -- auth

    def _signed_in(self, request):
        session = self.sessions.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if session is None:
            raise HTTPException(401, "Not authenticated")
        return session

    async def config(self, _):
        return JSONResponse({"password_min_length": 8, "access_token_seconds": 900})

    async def register(self, request):
        given = await request.json()
        user = {"id": fresh(), "email": given["email"], "name": given["name"], "created_at": words()}
        if given["email"] in self.users:
            raise HTTPException(409, "Email is already registered")
        self.users[given["email"]] = {"user": user, "password": given["password"]}
        return JSONResponse(user, 201)

    async def login(self, request):
        given = await request.json()
        await asyncio.to_thread(self.open.wait)
        known = self.users.get(given["email"])
        failures = self.failures.get(given["email"], 0)
        if failures >= 5:
            raise HTTPException(429, "Too many failed logins; try again later", {"retry-after": "900"})
        if known is None or known["password"] != given["password"]:
            self.failures[given["email"]] = failures + 1
            raise HTTPException(401, "Invalid email or password")
        self.failures.pop(given["email"], None)
        session = {"id": fresh(), "email": given["email"], "agent": request.headers["user-agent"], "at": words()}
        if self.now_and_then("a session too many"):
            self.sessions[fresh()] = {**session, "id": fresh()}
        return self._tokens(session)

    def _tokens(self, session):
        access, refresh = fresh(), fresh()
        self.sessions[access] = session
        self.refreshes[refresh] = session
        found = {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 900}
        return JSONResponse(found)

    def _end(self, session):
        self.sessions = {token: each for token, each in self.sessions.items() if each is not session}
        session["over"] = True

    async def refresh(self, request):
        token = (await request.json())["refresh_token"]
        session = self.refreshes.get(token)
        if session is None or session.get("over"):
            raise HTTPException(401, "Invalid refresh token")
        if token in session.setdefault("used", set()) and not self.now_and_then("a refresh token that counts twice"):
            self._end(session)
            raise HTTPException(401, "Invalid refresh token")
        session["used"].add(token)
        return self._tokens(session)

    async def logout(self, request):
        session = self.refreshes.get((await request.json())["refresh_token"])
        if session is not None and not self.now_and_then("a leaking logout"):
            self._end(session)
        return Response(status_code=204)

    async def me(self, request):
        session = self._signed_in(request)
        if self.now_and_then("an error"):
            return JSONResponse({"detail": "Internal Server Error", "access_token": "tell-nobody"}, 500)
        return JSONResponse(self.users[session["email"]]["user"])

    async def list_sessions(self, request):
        mine = self._signed_in(request)
        hers = {each["id"]: each for each in self.sessions.values() if each["email"] == mine["email"]}
        rows = [
            {
                "id": each["id"], "user_agent": each["agent"], "created_at": each["at"], "last_used_at": each["at"],
                "current": each is mine,
            }
            for each in hers.values()
        ]  # fmt: skip
        return JSONResponse({"sessions": rows})

    async def revoke_session(self, request):
        mine = self._signed_in(request)
        for each in list(self.sessions.values()):
            if each["id"] == request.path_params["id"] and each["email"] == mine["email"]:
                self._end(each)
        return Response(status_code=204)

    async def password(self, request):
        mine, given = self._signed_in(request), await request.json()
        known = self.users[mine["email"]]
        if known["password"] != given["current_password"]:
            raise HTTPException(403, "Current password is wrong")
        known["password"] = given["new_password"]
        for each in list(self.sessions.values()):
            if each["email"] == mine["email"] and each is not mine:
                self._end(each)
        return Response(status_code=204)

    # -- upload

    async def upload(self, request):
        email = self._signed_in(request)["email"]
        body = await request.body()
        head, _, rest = body.partition(b"\r\n\r\n")
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        content = rest[: rest.rindex(b"\r\n--" + boundary)]
        filename = re.search(rb'filename="([^"]*)"', head)[1].decode()
        kinds = {"txt": "text/plain", "md": "text/markdown", "pdf": "application/pdf"}
        row = {
            "id": fresh(), "filename": filename, "content_type": kinds[filename.rpartition(".")[2]],
            "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "created_at": words(),
        }  # fmt: skip
        kept = content[:-1] + b"?" if self.now_and_then("other bytes") else content
        if not self.now_and_then("lost upload"):
            self.resumes[row["id"]] = {"row": row, "email": email, "content": kept}
        if self.now_and_then("doubled upload"):
            again = {**row, "id": fresh()}
            self.resumes[again["id"]] = {"row": again, "email": email, "content": content}
        return JSONResponse(row, 201, {"location": f"/api/v1/resumes/{row['id']}"})

    def _hers(self, request, things, name):
        email = self._signed_in(request)["email"]
        found = things.get(request.path_params["id"])
        if found is None or found["email"] != email:
            raise HTTPException(404, f"{name} not found")
        return found

    def _listed(self, request, things, name, show=lambda thing: thing["row"]):
        email = self._signed_in(request)["email"]
        whose = name == "resumes" and self.now_and_then("somebody else's list")
        rows = [show(thing) for thing in reversed(things.values()) if whose or thing["email"] == email]
        return JSONResponse({name: rows, "total": len(rows)})

    async def list_resumes(self, request):
        return self._listed(request, self.resumes, "resumes")

    async def get_resume(self, request):
        return JSONResponse(self._hers(request, self.resumes, "Resume")["row"])

    async def delete_resume(self, request):
        gone = self._hers(request, self.resumes, "Resume")["row"]["id"]
        del self.resumes[gone]
        self.jobs = {key: job for key, job in self.jobs.items() if job["row"]["resume_id"] != gone}
        self.reviews = {key: each for key, each in self.reviews.items() if each["row"]["resume_id"] != gone}
        return Response(status_code=204)

    async def download(self, request):
        resume = self._hers(request, self.resumes, "Resume")
        content, name = resume["content"], quote(resume["row"]["filename"], safe="")
        headers = {
            "etag": f'"{resume["row"]["sha256"]}"', "content-disposition": f"attachment; filename*=UTF-8''{name}",
        }  # fmt: skip
        if "range" not in request.headers and self.now_and_then("a cut answer"):
            return StreamingResponse(_cut(content), headers={**headers, "content-length": str(len(content))})
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if asked is None:
            return Response(content, headers=headers)
        first, last = int(asked[1]), int(asked[2])
        headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(content[first : last + 1], 206, headers)

    # -- ai

    async def agents(self, _):
        names = ("resume-analysis", "keyword-match")
        found = [{"name": name, "description": name, "needs_job_text": name != "resume-analysis"} for name in names]
        return JSONResponse({"agents": found})

    async def start_job(self, request):
        email, given = self._signed_in(request)["email"], await request.json()
        if self.now_and_then("no answer"):
            await asyncio.sleep(3600)
        resume = self.resumes[given["resume_id"]]
        row = {
            "id": fresh(), "agent": given["agent"], "resume_id": given["resume_id"], "status": "queued", "progress": 0,
            "step": None, "attempt": 1, "error": None, "result": None, "created_at": words(), "started_at": None,
            "finished_at": None,
        }  # fmt: skip
        job = {"row": row, "email": email, "events": [], "text": resume["content"], "given": given}
        _event(job, "queued", 0)
        if not self.now_and_then("lost job"):
            self.jobs[row["id"]] = job
        if self.now_and_then("doubled job"):
            again = fresh()
            self.jobs[again] = {**job, "row": {**row, "id": again}}
        return JSONResponse(row, 202, {"location": f"/api/v1/ai/jobs/{row['id']}"})

    async def list_jobs(self, request):
        return self._listed(request, self.jobs, "jobs")

    async def get_job(self, request):
        return JSONResponse(self._hers(request, self.jobs, "Job")["row"])

    async def cancel(self, request):
        job = self._hers(request, self.jobs, "Job")
        if job["row"]["status"] in FINAL:
            raise HTTPException(409, "Job has already ended")
        job["row"].update(status="cancelled")
        _event(job, "cancelled", 0)
        return JSONResponse(job["row"])

    async def retry(self, request):
        job = self._hers(request, self.jobs, "Job")
        job["row"].update(status="queued", progress=0, attempt=job["row"]["attempt"] + 1, result=None)
        _event(job, "queued", 0)
        return JSONResponse(job["row"], 202)

    def _run(self, job):
        """All of it at once."""
        for number in range(len(STEPS)):
            _event(job, "running", 100 * number // len(STEPS))
        if self.now_and_then("a hole in the events"):
            del job["events"][2]
        if self.now_and_then("an event twice"):
            job["events"].insert(2, job["events"][2])
        ends = "failed" if self.now_and_then("a job that fails") else "succeeded"
        _event(job, ends, 100)
        job["row"].update(status=ends, progress=100, started_at=words(), finished_at=words(), result=_result(job))

    async def events(self, request):
        job = self._hers(request, self.jobs, "Job")
        if job["row"]["status"] == "queued":
            self._run(job)
        after = int(request.headers.get("last-event-id", "0"))
        texts = [event for event in job["events"] if event["seq"] > after]
        cut = 2 if self.now_and_then("cut streams") else 0 if self.fault == "streams that are always cut" else None
        return StreamingResponse(_stream(job, texts, cut=cut), media_type="text/event-stream")

    # -- review

    async def create_review(self, request):
        email, given = self._signed_in(request)["email"], await request.json()
        job = self.jobs[given["job_id"]]["row"]
        if any(each["row"]["job_id"] == job["id"] for each in self.reviews.values()):
            raise HTTPException(409, "This analysis has a review already")
        title = given["title"] or f"Review of {self.resumes[job['resume_id']]['row']['filename']}"
        row = {
            "id": fresh(), "resume_id": job["resume_id"], "job_id": job["id"], "title": title, "score": 70,
            "created_at": words(), "updated_at": words(),
        }  # fmt: skip
        self.reviews[row["id"]] = {"row": row, "email": email, "comments": []}
        return JSONResponse(_whole(self.reviews[row["id"]]), 201, {"location": f"/api/v1/reviews/{row['id']}"})

    async def list_reviews(self, request):
        return self._listed(request, self.reviews, "reviews")

    async def get_review(self, request):
        return JSONResponse(_whole(self._hers(request, self.reviews, "Review")))

    async def comment(self, request):
        review, given = self._hers(request, self.reviews, "Review"), await request.json()
        made = {"id": fresh(), **given, "created_at": words()}
        if not self.now_and_then("a lost comment"):
            review["comments"].append(made)
        return JSONResponse(made, 201)

    async def export(self, request):
        review = self._hers(request, self.reviews, "Review")
        bodies = "\n".join(each["body"] for each in review["comments"])
        return Response(f"# {review['row']['title']}\n\n{bodies}\n", media_type="text/markdown")


def _whole(review):
    criteria = [{"name": "Structure", "score": 70, "weight": 100, "remark": "good"}]
    return {**review["row"], "summary": "Good.", "criteria": criteria, "comments": review["comments"]}


def _event(job, status, progress):
    seq = job["events"][-1]["seq"] + 1 if job["events"] else 1
    data = {"status": status, "progress": progress, "step": None, "attempt": job["row"]["attempt"]}
    job["events"].append({"seq": seq, "data": data})


def _result(job):
    if job["row"]["agent"] == "keyword-match":
        return {"keywords": {"matched": ["sql"], "missing": ["go"], "percent": 50}, "score": 50, "suggestions": []}
    text = job["text"].decode("utf-8", "replace")
    number = len(text.split()) if not text.startswith("%PDF") else _words_of_pdf(job["text"])
    return {"words": number, "contacts": {"email": True}, "sections": [{"name": "skills", "words": 3}], "score": 70}


def _words_of_pdf(content):
    return len(" ".join(page.extract_text() for page in PdfReader(BytesIO(content), strict=True).pages).split())


async def _stream(job, events, *, cut):
    yield b"retry: 10\n\n"
    for number, event in enumerate(events):
        if number == cut:
            raise ConnectionError("cut, as the test wants it")
        yield f"id: {event['seq']}\nevent: progress\ndata: {json.dumps(event['data'])}\n\n".encode()
    yield f"event: end\ndata: {json.dumps({'status': job['row']['status']})}\n\n".encode()


async def _cut(content):
    yield content[: len(content) // 2]
    raise ConnectionError("cut, as the test wants it")


@contextlib.contextmanager
def application(fault="", **more):
    """It answers on `port` until the block ends."""
    app = Application(fault, **more)
    config = uvicorn.Config(
        app.asgi, port=0, log_config=None, log_level=logging.CRITICAL, lifespan="off", timeout_graceful_shutdown=0
    )
    server = uvicorn.Server(config)
    started = threading.Event()

    async def serve():
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so that asyncio sets TCP_NODELAY
        sock.bind(("127.0.0.1", 0))
        app.port = sock.getsockname()[1]
        task = asyncio.create_task(server.serve(sockets=[sock]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        started.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield app
    finally:
        app.open.set()
        server.should_exit = True
        thread.join(10)
