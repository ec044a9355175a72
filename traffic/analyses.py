"""Steps of the feature `ai`: a job is started once, followed to its end without a hole, and has a result that fits."""

import asyncio
from typing import Any

from traffic.events import EventReader, EventsError, JobEvents
from traffic.failures import NoAnswerError
from traffic.ledger import agree, compare, compare_order, compare_total
from traffic.resumes import Resume, job_text_of
from traffic.visitor import Visitor

AI = "/api/v1/ai"
JOBS = f"{AI}/jobs"
MAX_RECONNECTS = 10
RETRY_MS = 1000
MAX_RETRY_MS = 5000
AGENTS = ["resume-analysis", "keyword-match"]


async def agents(visitor: Visitor) -> None:
    found = await visitor.ask_json("agents", "GET", f"{AI}/agents")
    names = [each.get("name") for each in found.get("agents", [])]
    visitor.check(names == AGENTS, "the agents are others")


async def start(visitor: Visitor, upload_id: str, resume: Resume, *, agent: str = AGENTS[0]) -> str:
    """Returns the job's id. keyword-match needs an advertisement; for an analysis there is one now and then."""
    advertised = agent != AGENTS[0] or visitor.chance.random() < 0.4
    content: dict[str, object] = {"resume_id": upload_id, "agent": agent}
    if advertised:
        content["job_text"] = job_text_of(visitor.chance, resume.skills)
    answer = await visitor.ask("start a job", "POST", JOBS, expect=202, json=content)
    job = answer.json()
    if not isinstance(job, dict) or not isinstance(job.get("id"), str):
        raise visitor.fault("a job without an id")
    with visitor.judging():
        agree("job", {"agent": agent, "resume_id": upload_id, "status": "queued", "progress": 0, "attempt": 1}, job)
    visitor.check(answer.header("location") == f"{JOBS}/{job['id']}", "Location is wrong")
    visitor.ledger.jobs[job["id"]] = {
        "agent": agent, "resume_id": upload_id, "attempt": 1, "created_at": job.get("created_at")
    }  # fmt: skip
    return str(job["id"])


async def follow(
    visitor: Visitor, job_id: str, *, until: str = "succeeded", events: JobEvents | None = None
) -> JobEvents:
    """Reads the job's events to their end, over as many connections as it takes. Raises JourneyFailedError.

    events: what was read of this job before; None to begin at the first.
    """
    events = events or JobEvents()
    events.ended = ""
    reader = EventReader()
    began = visitor.now()
    try:
        async with asyncio.timeout(visitor.habits.job_seconds):
            for turn in range(MAX_RECONNECTS + 1):
                if turn:
                    visitor.tally.reconnects += 1
                    await visitor.rest(min(reader.retry_ms or RETRY_MS, MAX_RETRY_MS) / 1000)
                reader = await _read(visitor, job_id, events)
                if events.ended:
                    break
    except TimeoutError:
        raise visitor.fault(f"the job has not ended within {visitor.habits.job_seconds:g} s") from None
    visitor.check(bool(events.ended), f"the stream was cut {MAX_RECONNECTS + 1} times")
    visitor.check(events.ended == until, f"the job ends as {events.ended} instead of {until}")
    if until == "succeeded":
        visitor.tally.jobs.append(visitor.now() - began)
    return events


async def _read(visitor: Visitor, job_id: str, events: JobEvents) -> EventReader:
    """One connection's worth of events; a cut is no fault, for one may follow again."""
    reader = EventReader()
    known = (("last-event-id", str(events.last)),) if events.last else ()
    try:
        async with visitor.stream("follow a job", f"{JOBS}/{job_id}/events", known) as (answer, pieces):
            visitor.check(answer.status == 200, f"status {answer.status} instead of 200")
            kind = answer.header("content-type").partition(";")[0]
            visitor.check(kind == "text/event-stream", "no event stream")
            async for piece in pieces:
                for event in reader.feed(piece):
                    visitor.check(not events.ended, "an event comes after the end")
                    events.take(event)
    except NoAnswerError:
        pass
    except (EventsError, ValueError) as error:
        raise visitor.fault(str(error)) from error
    return reader


async def get_job(visitor: Visitor, job_id: str, resume: Resume) -> None:
    """It has succeeded, and what it found is about this resume."""
    job = await visitor.ask_json("read a job", "GET", f"{JOBS}/{job_id}")
    with visitor.judging():
        agree("job", visitor.ledger.jobs[job_id], job)
        agree("job", {"id": job_id, "status": "succeeded", "progress": 100, "step": None, "error": None}, job)
    visitor.check(bool(job.get("started_at") and job.get("finished_at")), "a job that ended tells no times")
    result = job.get("result")
    if not isinstance(result, dict):
        raise visitor.fault("a job has succeeded without a result")
    score = result.get("score")
    visitor.check(isinstance(score, int) and 0 <= score <= 100, "the score is none")
    if job["agent"] == AGENTS[0]:
        _check_analysis(visitor, result, resume)
    else:
        _check_keywords(visitor, result.get("keywords"))


def _check_analysis(visitor: Visitor, result: dict[str, Any], resume: Resume) -> None:
    """What any reader of the resume would find, whatever provider reads: a mix-up of two users' resumes shows."""
    words = result.get("words")
    near = isinstance(words, int) and 0.7 * resume.words <= words <= 1.3 * resume.words
    visitor.check(near, "the words are not those of the resume")
    contacts = result.get("contacts")
    visitor.check(isinstance(contacts, dict) and contacts.get("email") is True, "the address in it was not found")
    visitor.check(isinstance(result.get("sections"), list) and bool(result["sections"]), "no section was found")


def _check_keywords(visitor: Visitor, keywords: object) -> None:
    if not isinstance(keywords, dict):
        raise visitor.fault("a match without keywords")
    found = [*keywords.get("matched", []), *keywords.get("missing", [])]
    visitor.check(bool(found) and len(set(found)) == len(found), "the keywords are none, or one is there twice")


async def list_jobs(visitor: Visitor) -> None:
    """Exactly hers."""
    found = await visitor.ask_json("list jobs", "GET", JOBS)
    with visitor.judging():
        compare("job", visitor.ledger.jobs, found.get("jobs"))
        compare_total("job", visitor.ledger.jobs, found.get("total"))
        compare_order("job", visitor.ledger.jobs, found["jobs"])


async def cancel_and_retry(visitor: Visitor, upload_id: str, resume: Resume) -> None:
    """A second job is cancelled and begun again; one that is too quick to be cancelled has succeeded."""
    job_id = await start(visitor, upload_id, resume, agent=AGENTS[1])
    cancelled = await _cancelled(visitor, job_id)
    if cancelled:
        events = await follow(visitor, job_id, until="cancelled")
        job = await visitor.ask_json("retry a job", "POST", f"{JOBS}/{job_id}/retry", expect=202)
        visitor.ledger.jobs[job_id] = {**visitor.ledger.jobs[job_id], "attempt": 2}
        with visitor.judging():
            agree("job", {"id": job_id, "status": "queued", "progress": 0, "attempt": 2, "result": None}, job)
        await follow(visitor, job_id, events=events)
    else:
        await follow(visitor, job_id)
    await get_job(visitor, job_id, resume)


async def _cancelled(visitor: Visitor, job_id: str) -> bool:
    answer = await visitor.ask("cancel a job", "POST", f"{JOBS}/{job_id}/cancel", expect=(200, 409))
    job = answer.json()
    if answer.status == 409:
        visitor.check(job == {"detail": "Job has already ended"}, "another 409 than for a job that has ended")
        return False
    with visitor.judging():
        agree("job", {"id": job_id, "status": "cancelled", "attempt": 1}, job if isinstance(job, dict) else {})
    return True
