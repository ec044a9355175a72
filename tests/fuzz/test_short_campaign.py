"""A bounded, seeded part of the campaign that `make fuzz` runs whole, and every case that has ever found a fault."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import uvloop

from tests.fuzz import differences, wire_cases
from tests.fuzz.campaign import KINDS, case_of, fault_of, run, shrunk
from tests.fuzz.gateway_under_test import Plane
from tests.fuzz.memory import HangError, MemoryLoop
from tests.fuzz.request_cases import LIMITS, Finding
from tests.fuzz.request_mutator import RequestCase
from tests.fuzz.strict_request import STATUS, read_requests

CORPUS = [json.loads(line) for line in (Path(__file__).parent / "corpus.jsonl").read_text().splitlines()]
SEED = 20


def case_from(entry):
    """data stands as text, a character for each byte."""
    told = {**entry["case"], "data": entry["case"]["data"].encode("latin-1")}
    if "methods" in told:
        told["methods"] = tuple(method.encode() for method in told["methods"])
    return KINDS[entry["kind"]][1](**told)


def fault(kind, case):
    async def play():
        return await fault_of(Plane(asyncio.get_running_loop()), kind, case)

    with asyncio.Runner(loop_factory=MemoryLoop) as runner:
        return runner.run(play())


@pytest.mark.parametrize(("kind", "cases"), [("request", 4000), ("reply", 1500)])
def test_a_short_campaign_finds_nothing(kind, cases):
    tally, spent = run({kind: range(cases)}, SEED)
    assert not tally.findings, "\n".join(tally.findings)
    assert tally.cases == {kind: cases}
    assert spent.after["fds"] == spent.before["fds"]
    assert tally.counts.total() > cases // 20
    assert min(tally.states[kind, state] for state in ("whole", "partial")) > cases // 50


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry["why"])
def test_what_has_once_found_a_fault_finds_none(entry):
    assert fault(entry["kind"], case_from(entry)) is None


def test_requests_over_real_sockets():
    cases = [case_of("request", SEED, index) for index in range(150)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(wire_cases.run_requests(cases))


def test_replies_to_the_httpx_client():
    with asyncio.Runner() as runner:
        runner.run(wire_cases.run_httpx([case_of("reply", SEED, index) for index in range(60)]))


# -- the fuzzer itself


class Broken:
    """A client that fails in a way of its own for requests to /b."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    async def send(self, request):
        if request.target == b"/b":
            raise Finding("broken on purpose")
        return await self._client.send(request)


def test_a_finding_is_shrunk():
    """A rule that is broken on purpose: here nobody answers requests for /b."""

    async def play():
        plane = Plane(asyncio.get_running_loop())
        data = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\nGET /b HTTP/1.1\r\nHost: test\r\nX-A: b\r\n\r\n"
        case = RequestCase(data, cuts=[9, 40], turns=3)
        clients = plane.gateway.clients
        clients["old"] = Broken(clients["old"])
        found = await fault_of(plane, "request", case)
        return await shrunk(plane, "request", case, found)

    with asyncio.Runner(loop_factory=MemoryLoop) as runner:
        small, told = runner.run(play())
    assert "broken on purpose" in told
    assert b" /b HTTP/1." in small.data
    assert len(small.data) < 45
    assert small.cuts == []


def test_waiting_for_ever_is_noticed():
    async def wait():
        await asyncio.get_running_loop().create_future()

    with asyncio.Runner(loop_factory=MemoryLoop) as runner, pytest.raises(HangError):
        runner.run(wait())


def test_the_strict_reading_sees_requests():
    post = b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
    data = (post + b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") * 2
    read = read_requests(data, LIMITS)
    assert [(each.method, each.body, each.state) for each in read] == [
        (b"POST", b"hi", "whole"),
        (b"GET", b"", "whole"),
    ] * 2


def test_the_document_tells_every_class():
    text = differences.DOCUMENT.read_text()
    told = re.findall(r"^\| ([^|]+?) \| [0-9., ]+ \|", text, re.MULTILINE)
    tables = (
        differences.REQUESTS_TAKEN,
        differences.REQUESTS_REFUSED,
        differences.REPLIES_TAKEN,
        differences.REPLIES_REFUSED,
    )
    assert told == [name for classes in tables for name in classes]
    for classes in tables:
        for why in classes.values():
            assert f"| {why.section} |" in text
            assert why.words in text
    assert set(differences.REQUESTS_REFUSED) == set(STATUS)
