"""The reports for programs: JSON, and JUnit's XML as CI servers read it. docs/verify.md tells both shapes."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.compare.junit import Case, Suite, junit
from gateway.compare.words import halves
from gateway.telemetry.redact import clean_text
from gateway.verify.sentences import mode_notes, slower_lines, step_lines, verdict_sentence
from gateway.verify.timing import Excess
from gateway.verify.verdict import FeatureResult, ModeResult, StepResult, Verdict


def as_json(results: Sequence[FeatureResult]) -> dict[str, Any]:
    """Values of differences are JSON in text, without secrets; null where there is none."""
    return {"alike": not any(result.is_bad for result in results), "features": [_feature(each) for each in results]}


def _feature(result: FeatureResult) -> dict[str, Any]:
    return {
        "feature": result.feature,
        "file": result.file,
        "alike": not result.is_bad,
        "verdict": _clean(verdict_sentence(result)),
        "seconds": round(result.seconds, 3),
        "requests": result.requests,
        "requests_to_new": result.requests_to_new,
        "modes": [_mode(mode) for mode in result.modes],
        "timing": _timing(result),
    }


def _mode(mode: ModeResult) -> dict[str, Any]:
    return {
        "mode": mode.mode.value,
        "alike": None if mode.unplayed is not None else not mode.is_bad,
        "plays": mode.plays,
        "unplayed": mode.unplayed,
        "problems": [*map(_clean, mode.problems)],
        "notes": [*map(_clean, mode.notes)],
        "steps": [_step(step) for step in mode.steps],
    }


def _step(step: StepResult) -> dict[str, Any]:
    return {
        "name": step.name,
        "verdict": step.verdict.value,
        "status": step.status,
        "seconds": step.seconds,
        "legacy_seconds": step.legacy_seconds,
        "bad": step.bad,
        "plays": step.plays,
        "words": [*map(_clean, step_lines(step))] if step.verdict is not Verdict.ALIKE else [],
        "differences": [
            {"kind": each.kind.value, "path": each.path, "legacy": legacy, "new": new}
            for each in step.finding.differences
            for legacy, new in (halves(each),)
        ],
    }


def _timing(result: FeatureResult) -> dict[str, Any] | None:
    timing = result.timing
    if timing is None:
        return None
    return {
        "slower": timing.is_slower,
        "total": _excess(timing.total),
        "typical": _excess(timing.typical),
        "rounds": timing.rounds,
        "steps": timing.steps,
        "allowed_percent": timing.limits.percent,
        "slow_steps": [
            {"name": slow.name, "percent": slow.percent, "legacy_seconds": slow.legacy, "new_seconds": slow.new}
            for slow in timing.slow_steps
        ],
    }


def _excess(excess: Excess) -> dict[str, float]:
    percent, seconds = excess.percent, excess.seconds
    return {
        "percent": percent.value,
        "percent_low": percent.low,
        "percent_high": percent.high,
        "seconds": seconds.value,
        "seconds_low": seconds.low,
        "fastest_percent": excess.fastest_percent,
        "fastest_seconds": excess.fastest_seconds,
    }


def as_junit(results: Sequence[FeatureResult]) -> bytes:
    """One testsuite for each feature, one testcase for each step and mode, one for the times."""
    return junit("gateway verify", [*map(_suite, results)])


def _suite(result: FeatureResult) -> Suite:
    return Suite(result.feature, [*_cases(result)], result.seconds, verdict_sentence(result))


def _cases(result: FeatureResult) -> Iterator[Case]:
    for mode in result.modes:
        if mode.unplayed is not None:
            yield _case(result, mode.mode.value, "the whole mode", skipped=mode.unplayed)
        if mode.problems:
            yield _case(result, mode.mode.value, "the whole mode", failure=mode_notes(mode))
        for step in mode.steps:
            lines = step_lines(step) if step.verdict is not Verdict.ALIKE else []
            failure = [*lines, *_diff(step)] if step.verdict is Verdict.DIFFERENT else ()
            skipped = lines[0] if step.verdict is Verdict.SKIPPED else None
            yield _case(result, mode.mode.value, step.name, step.seconds, failure=failure, skipped=skipped)
    if result.timing is not None:
        yield _case(result, "direct", "response times", failure=slower_lines(result.timing))


def _diff(step: StepResult) -> Iterator[str]:
    for difference in step.finding.differences:
        yield difference.path
        yield from (f"{sign} {half}" for sign, half in zip("-+", halves(difference), strict=True) if half is not None)


def _case(
    result: FeatureResult,
    mode: str,
    name: str,
    seconds: float | None = None,
    *,
    failure: Sequence[str] = (),
    skipped: str | None = None,
) -> Case:
    return Case(f"{result.feature}.{mode}", name, result.file, seconds, failure, skipped)


def _clean(text: str) -> str:
    return clean_text(text, one_line=True)
