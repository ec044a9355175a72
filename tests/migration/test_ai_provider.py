"""Agents that ask an OpenAI-compatible server: what it is asked, and what comes of its answers, good and bad."""

import json
import shutil

import pytest

from bench.ports import free_port
from tests.migration.ai_service import HANG_UP, KEY, MODEL, Reply, completion, provider, running_ai_service
from tests.migration.analyses import ANALYSIS, MATCH, found_by_resumekit
from tests.migration.backends import SIDES, running
from tests.migration.documents import ADVERTISEMENT, RESUME
from tests.migration.people import sign_up
from tests.migration.streams import followed

UNUSABLE = "The AI service gave an answer that cannot be used"
SILENT = "The AI service does not answer"


@pytest.fixture(scope="module")
def service():
    with running_ai_service() as service:
        yield service


@pytest.fixture(scope="module", params=SIDES)
def asking(request, service, migrated_file, tmp_path_factory):
    """A backend whose agents ask the service, and a user of it: the kind of database does not matter here."""
    folder = tmp_path_factory.mktemp("asking")
    url = f"sqlite:///{shutil.copy(migrated_file, folder / 'app.db')}"
    with running(request.param, url, folder / "log", **provider(service.base_url)) as backend:
        yield backend, sign_up(backend, "ada@example.com")


def answered(asking, **more):
    """The job, after the service has answered as it was told."""
    backend, user = asking
    return user.ended(backend, user.start_job(backend, **more)["id"])


def test_a_good_answer_is_the_result(asking, service):
    for agent, job_text in ((ANALYSIS, None), (MATCH, ADVERTISEMENT)):
        result = found_by_resumekit(agent, RESUME, job_text)
        service.begin(completion(json.dumps(result)))
        job = answered(asking, agent=agent, job_text=job_text)
        assert (job["status"], job["result"], job["error"]) == ("succeeded", result, None)


def test_what_is_asked(asking, service):
    service.begin(completion(json.dumps(found_by_resumekit(MATCH, RESUME, ADVERTISEMENT))))
    answered(asking, agent=MATCH, job_text=ADVERTISEMENT)
    ((path, headers, body),) = service.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"].startswith("application/json")
    assert set(body) == {"model", "temperature", "messages", "response_format"}
    assert (body["model"], body["temperature"], body["response_format"]) == (MODEL, 0, {"type": "json_object"})
    system, person = body["messages"]
    assert (system["role"], person["role"]) == ("system", "user")
    assert "Ada Example" in person["content"]
    assert ADVERTISEMENT in person["content"]
    assert "keywords" in system["content"]


def test_its_steps_are_told(asking, service):
    service.begin(completion(json.dumps(found_by_resumekit(ANALYSIS, RESUME))))
    backend, user = asking
    seen = followed(user, backend, user.start_job(backend)["id"])
    running_steps = [
        (event.data["progress"], event.data["step"]) for event in seen if event.data["status"] == "running"
    ]
    assert running_steps == [(0, "extract"), (33, "ask"), (66, "check")]


@pytest.mark.parametrize("status", [400, 401, 404, 500, 501])
def test_a_refusal_is_not_asked_again(asking, service, status):
    service.begin(Reply(status, b'{"error": {"message": "no, sk-a-key-for-tests-only"}}'))
    job = answered(asking)
    assert (job["status"], job["error"], job["result"]) == ("failed", f"The AI service failed: {status}", None)
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_that_is_busy_is_asked_three_times(asking, service, status):
    service.begin(Reply(status, headers={"Retry-After": "0"}))
    job = answered(asking)
    assert (job["status"], job["error"]) == ("failed", f"The AI service failed: {status}")
    assert len(service.asked) == 3


@pytest.mark.parametrize(("retry_after", "seconds"), [("1", 1), ("soon", 0.5), ("-5", 0.5), (None, 0.5), ("0", 0)])
def test_a_service_that_is_busy_is_asked_again_when_it_says(asking, service, retry_after, seconds):
    good = completion(json.dumps(found_by_resumekit(ANALYSIS, RESUME)))
    service.begin(Reply(429, headers={} if retry_after is None else {"Retry-After": retry_after}), good)
    assert answered(asking)["status"] == "succeeded"
    first, second = service.times
    assert second - first >= seconds * 0.95
    assert second - first < seconds + 3


GARBAGE = {
    "no JSON": Reply(body=b"<html>"),
    "nothing": Reply(),
    "not UTF-8": Reply(body=b"\xff\xfe"),
    "no choices": Reply(body=b'{"choices": []}'),
    "a list": Reply(body=b"[]"),
    "null": Reply(body=b"null"),
    "choices that are none": Reply(body=b'{"choices": {"0": 1}}'),
    "no message": Reply(body=b'{"choices": [{}]}'),
    "no content": completion(None),
    "content of another type": completion({"score": 1}),
    "prose": completion("I cannot do that."),
    "another result": completion('{"score": 70}'),
    "one field too many": completion(json.dumps({**found_by_resumekit(ANALYSIS, RESUME), "extra": 1})),
    "a score that is none": completion(json.dumps({**found_by_resumekit(ANALYSIS, RESUME), "score": 101})),
    "a NUL": completion(json.dumps({**found_by_resumekit(ANALYSIS, RESUME), "suggestions": ["a\x00b"]})),
    "half a surrogate": completion(json.dumps({**found_by_resumekit(ANALYSIS, RESUME), "suggestions": ["\ud800"]})),
    "nested deeply": Reply(body=b"[" * 100_000),
}


@pytest.mark.parametrize("reply", GARBAGE.values(), ids=GARBAGE)
def test_garbage_fails_the_job_in_words(asking, service, reply):
    service.begin(reply)
    job = answered(asking)
    assert (job["status"], job["error"], job["result"]) == ("failed", UNUSABLE, None)
    assert len(service.asked) == 1


def test_a_redirect_is_not_followed_for_it_would_carry_the_key(asking, service):
    service.begin(Reply(307, headers={"Location": f"{service.base_url}/elsewhere"}))
    job = answered(asking)
    assert (job["status"], job["error"]) == ("failed", "The AI service failed: 307")
    assert len(service.asked) == 1


def test_a_service_that_hangs_up_does_not_answer(asking, service):
    service.begin(HANG_UP)
    job = answered(asking)
    assert (job["status"], job["error"]) == ("failed", SILENT)


def test_a_service_that_is_not_there_does_not_answer(side, sqlite_url, start):
    backend = start(side, sqlite_url, **provider(f"http://127.0.0.1:{free_port()}/v1"))
    user = sign_up(backend, "ada@example.com")
    job = user.ended(backend, user.start_job(backend)["id"])
    assert (job["status"], job["error"]) == ("failed", SILENT)


def test_a_failed_job_is_asked_for_anew_when_it_is_retried(asking, service):
    service.begin(Reply(500), completion(json.dumps(found_by_resumekit(ANALYSIS, RESUME))))
    backend, user = asking
    job = answered(asking)
    assert user.post(backend, f"/api/v1/ai/jobs/{job['id']}/retry").status_code == 202
    assert user.ended(backend, job["id"])["status"] == "succeeded"


def test_neither_the_key_nor_a_resume_is_in_any_log(asking, service):
    for reply in (Reply(500, KEY.encode()), Reply(body=KEY.encode()), HANG_UP):
        service.begin(reply)
        assert answered(asking)["status"] == "failed"
    log = asking[0].log.read_text()
    for secret in (KEY, "Ada Example"):
        assert secret not in log
