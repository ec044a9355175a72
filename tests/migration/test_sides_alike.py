"""One tour of requests, good and bad, on both sides: they answer alike, but for what the contract says they may not."""

import pytest
import yaml

from tests.migration.backends import ROOT
from tests.migration.people import sign_up
from tests.migration.tour import STEPS, Tourist

DIFFERENCES = yaml.safe_load((ROOT / "contract" / "differences.yaml").read_text())["differences"]
COVERED = {200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 409, 413, 415, 416, 422, 429}
"""The statuses that the tour meets, so that it cannot go astray unseen."""
CORS = {"CORS_ORIGINS": "https://app.example.com"}


def walked(legacy, new, email):
    """Each step with both answers."""
    tourists = [Tourist(sign_up(backend, f"{backend.side[:1]}.{email}"), backend) for backend in (legacy, new)]
    return [(step, *(tourist.take(step) for tourist in tourists)) for step in STEPS]


def report(differing):
    lines = []
    for step, legacy, new in differing:
        lines.append(f"{step.method} {step.path[:100]} {str(step.more)[:300]}{' (not signed in)' * step.anonymous}")
        for ours, theirs in zip(described(legacy), described(new), strict=True):
            if ours != theirs:
                at = max(0, common_length(ours, theirs) - 30)
                lines.extend((f"    legacy {ours[at : at + 300]}", f"    new    {theirs[at : at + 300]}"))
    return "\n".join(lines)


def common_length(ours, theirs):
    return next((at for at, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), 0)


def described(answer):
    status, headers, body = answer
    return f"status {status}", f"headers {sorted(headers.items())}", f"body {body}"


def without_query(step):
    return step.path.partition("?")[0]


def test_both_sides_answer_alike(sides, email):
    steps = walked(sides["legacy"], sides["new"], email)
    failed = [each for each in steps if max(each[1][0], each[2][0]) >= 500]
    assert not failed, f"a fault of ours:\n{report(failed)}"
    met = {legacy[0] for _, legacy, _ in steps}
    assert met >= COVERED
    allowed = {difference["path"] for difference in DIFFERENCES}
    differing = [each for each in steps if each[1] != each[2]]
    unexpected = [each for each in differing if without_query(each[0]) not in allowed]
    if unexpected:
        pytest.fail(f"{len(unexpected)} of {len(steps)} steps differ:\n{report(unexpected)}", pytrace=False)
    unneeded = allowed - {without_query(step) for step, *_ in differing}
    assert not unneeded, f"take these out of contract/differences.yaml, for the sides agree: {unneeded}"


def test_both_sides_answer_other_origins_alike(sqlite_url, start, tmp_path):
    shared = {**CORS, "STORAGE_DIR": str(tmp_path / "files")}
    steps = walked(*(start(side, sqlite_url, **shared) for side in ("legacy", "new")), "ada@example.com")
    differing = [each for each in steps if each[1] != each[2]]
    assert not differing, report(differing)
    assert any("access-control-allow-origin" in headers for _, (_, headers, _), _ in steps), "the tour has preflights"


def test_a_difference_says_what_why_and_until_when():
    assert [each for each in DIFFERENCES if not {"path", "what", "why", "until"} <= set(each)] == []
