"""Users of the sample application, and what they do on either side."""

import time
from dataclasses import dataclass

from tests.migration.documents import RESUME

AUTH = "/api/v1/auth"
RESUMES = "/api/v1/resumes"
JOBS = "/api/v1/ai/jobs"
REVIEWS = "/api/v1/reviews"
PASSWORD = "correct horse"
ENDED = {"succeeded", "failed", "cancelled"}
PATIENCE = 20


def log_in(backend, email, password=PASSWORD, **headers):
    return backend.client.post(f"{AUTH}/login", json={"email": email, "password": password}, headers=headers)


def sign_up(backend, email):
    """A new user, signed in."""
    answer = backend.client.post(f"{AUTH}/register", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return sign_in(backend, email)


def sign_in(backend, email, password=PASSWORD, **headers):
    answer = log_in(backend, email, password, **headers)
    assert answer.status_code == 200, answer.text
    return User(email, answer.json()["access_token"], answer.json()["refresh_token"])


def until(condition, *, what="it", seconds=PATIENCE):
    """Polls until the condition gives something, and returns that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} has not happened in {seconds} s"
        time.sleep(0.02)  # a poll of a condition, with a deadline
    return found


@dataclass(frozen=True)
class User:
    """Signed in. Each method takes the backend that it asks: any will do."""

    email: str
    access_token: str
    refresh_token: str

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.access_token}"}

    def ask(self, backend, method, path, *, headers=None, **more):
        return backend.client.request(method, path, headers={**self.headers, **(headers or {})}, **more)

    def get(self, backend, path, **headers):
        return self.ask(
            backend, "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def post(self, backend, path, json=None):
        return self.ask(backend, "POST", path, **({} if json is None else {"json": json}))

    def delete(self, backend, path):
        return self.ask(backend, "DELETE", path)

    def upload(self, backend, content=RESUME, filename="cv.txt"):
        """The answer to an upload of one file."""
        return self.ask(backend, "POST", RESUMES, files={"file": (filename, content)})

    def resume(self, backend, content=RESUME, filename="cv.txt"):
        """The id of a resume that has just been uploaded."""
        answer = self.upload(backend, content, filename)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def start_job(self, backend, resume_id=None, **more):
        """A job that has just been queued, as the backend tells it."""
        answer = self.post(backend, JOBS, {"resume_id": resume_id or self.resume(backend), **more})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def job(self, backend, job_id):
        answer = self.get(backend, f"{JOBS}/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, backend, job_id):
        """The job, once it has come to its end."""
        return until(
            lambda: (job := self.job(backend, job_id))["status"] in ENDED and job, what=f"the end of job {job_id}"
        )

    def running(self, backend, job_id):
        """The job, once somebody runs it."""
        return until(
            lambda: (job := self.job(backend, job_id))["status"] == "running" and job, what=f"a start of job {job_id}"
        )

    def analysed(self, backend, **more):
        """A job that has succeeded."""
        job = self.ended(backend, self.start_job(backend, **more)["id"])
        assert job["status"] == "succeeded", job
        return job

    def review(self, backend, job_id=None, **more):
        answer = self.post(backend, REVIEWS, {"job_id": job_id or self.analysed(backend)["id"], **more})
        assert answer.status_code == 201, answer.text
        return answer.json()
