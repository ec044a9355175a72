"""Both sides are held to contract/openapi.yaml by requests that are made up from it: such that fit it, and others."""

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.migration.backends import ROOT
from tests.migration.people import REVIEWS, sign_up

DOCUMENT = yaml.safe_load((ROOT / "contract" / "openapi.yaml").read_text())
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
STREAM = "/api/v1/ai/jobs/{job_id}/events"
"""Its schema is of the whole stream, and would be held against each event; test_ai_jobs.py reads its bytes."""
FEW = settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def residents():
    """{url of a backend: (user, ids of what is theirs)}: asked with by all operations that take nothing away."""
    return {}


@pytest.fixture
def resident(operation, backend, residents, email):
    """(user, ids by the names of parameters): a request with made-up ids meets little more than 404."""
    if operation.method == "delete":
        return settled(backend, email)
    if backend.url not in residents:
        residents[backend.url] = settled(backend, email)
    return residents[backend.url]


def settled(backend, email):
    user = sign_up(backend, email)
    review = user.review(backend)
    comment = user.post(backend, f"{REVIEWS}/{review['id']}/comments", {"body": "Well said."}).json()
    return user, {
        "resume_id": review["resume_id"],
        "job_id": review["job_id"],
        "review_id": review["id"],
        "comment_id": comment["id"],
    }


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        session.trust_env = False  # loopback alone
        yield session


def cases(operation, mode, known):
    """Requests with ids that are made up, and with those that are there."""
    of_this = {name: known[name] for name in known if f"{{{name}}}" in operation.path}
    anything = operation.as_strategy(mode)
    return st.one_of(anything, operation.as_strategy(mode, path_parameters=of_this)) if of_this else anything


def with_known_ids(body, known):
    return {name: known.get(name, value) for name, value in body.items()} if isinstance(body, dict) else body


def made_up():
    """Each operation with requests that fit; with others as well, where there is something that may not fit."""
    for operation in OPERATIONS:
        name = operation.definition.raw["operationId"]
        yield pytest.param(operation, GenerationMode.POSITIVE, id=f"{name}-fitting")
        if operation.body or operation.query or operation.path_parameters:
            yield pytest.param(operation, GenerationMode.NEGATIVE, id=f"{name}-not fitting")


@pytest.mark.parametrize(("operation", "mode"), [*made_up()])
def test_what_is_answered_is_what_the_contract_says(backend, database_url, resident, session, *, operation, mode):
    user, known = resident

    checks = [check for check in CHECKS if check != response_schema_conformance or operation.path != STREAM]

    @settings(FEW, max_examples=8 if database_url.startswith("sqlite") else 4)
    @given(case=cases(operation, mode, known), is_known=st.booleans())
    def answers_as_it_should(case, is_known):
        if is_known:
            case.body = with_known_ids(case.body, known)
        case.call_and_validate(base_url=backend.url, session=session, headers=user.headers, checks=checks)

    answers_as_it_should()


def test_both_sides_serve_the_contract_itself(backend):
    answer = backend.client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_every_operation_of_the_contract_is_there(backend):
    """By the words alone: 401, 404 or 422, but not the 404 of an unknown path, nor 405."""
    for operation in OPERATIONS:
        path = operation.path
        for name in ("session_id", "resume_id", "job_id", "review_id", "comment_id"):
            path = path.replace(f"{{{name}}}", "00000000-0000-4000-8000-000000000000")
        answer = backend.client.request(operation.method.upper(), path)
        assert (operation.label, answer.status_code != 405 and b'"Not Found"' not in answer.content) == (
            operation.label,
            True,
        )


def test_every_operation_that_needs_a_sign_in_says_so(backend):
    for operation in OPERATIONS:
        if operation.definition.raw.get("security") == []:
            continue
        answer = backend.client.request(operation.method.upper(), operation.path)
        assert (operation.label, answer.status_code) == (operation.label, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
