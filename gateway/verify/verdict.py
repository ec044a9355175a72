"""What was found: by step and mode, frozen, for the reports. And how one reply is judged beside another."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from gateway.compare.words import describe
from gateway.rules.compare import Difference
from gateway.rules.replies import compare_replies
from gateway.rules.reply_rules import reply_rules
from gateway.verify.player import Outcome, Play
from gateway.verify.schema import Scenario
from gateway.verify.timing import Timing


class Mode(StrEnum):
    """How a scenario is played."""

    DIRECT = "direct"  # legacy and new, each at its own address
    OFF = "off"  # through the gateway with the feature's flag at 0 %
    ON = "on"  # at 100 %
    HALF = "half"  # at 50 %, with players of both sides

    @property
    def heading(self) -> str:
        return "50 %" if self is Mode.HALF else self.value


class Verdict(StrEnum):
    ALIKE = "alike"
    DIFFERENT = "different"
    SKIPPED = "skipped"  # what it needs did not come


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one reply. words: in lines, the first tells the most; differences: where there was a pair."""

    words: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    skipped: str | None = None

    @property
    def is_bad(self) -> bool:
        return bool(self.words or self.differences)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step in one mode, over all its plays. status, seconds: of the side that is judged (seconds: the median).

    bad, plays: in how many of how many plays something was found, of which `finding` is the first.
    """

    name: str
    verdict: Verdict
    finding: Finding
    bad: int
    plays: int
    status: int | None = None
    seconds: float | None = None
    legacy_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ModeResult:
    """problems: what is wrong with the mode as a whole. unplayed: why it was not played. notes: worth knowing."""

    mode: Mode
    steps: tuple[StepResult, ...] = ()
    problems: tuple[str, ...] = ()
    unplayed: str | None = None
    notes: tuple[str, ...] = ()
    plays: int = 0

    @property
    def is_bad(self) -> bool:
        return bool(self.problems) or any(step.verdict is Verdict.DIFFERENT for step in self.steps)


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """One scenario in all modes. requests_to_new: as far as can be seen who answered."""

    feature: str
    file: str
    modes: tuple[ModeResult, ...]
    timing: Timing | None
    requests: int
    requests_to_new: int
    seconds: float

    @property
    def is_bad(self) -> bool:
        return any(mode.is_bad for mode in self.modes) or (self.timing is not None and self.timing.is_slower)


def judge(scenario: Scenario, legacy: Outcome, tried: Outcome, *, who: str) -> Finding:
    """One outcome beside legacy's of the same step. who: whose it is, for words: `new`, `the gateway`."""
    if tried.skipped is not None:
        return Finding(skipped=tried.skipped)
    words: list[str] = []
    if tried.failure is not None:
        words.append(f"{who} does not answer: {tried.failure}")
    words += [each if who == "new" else f"{who}: {each}" for each in tried.unmet]
    differences: Sequence[Difference] = ()
    if tried.compared and tried.reply is not None and legacy.reply is not None:
        differences = compare_replies(legacy.reply, tried.reply, reply_rules(tried.step.compare, scenario.compare))
        words += describe(differences)
    if tried.unmet and tried.reply is not None and 200 <= tried.reply.status < 300 and tried.step.if_it_succeeds:
        words.insert(0, tried.step.if_it_succeeds)
    return Finding(_each_once(words), tuple(differences))


def _each_once(words: Sequence[str]) -> tuple[str, ...]:
    """Without those that another line says with more."""
    return tuple(each for each in dict.fromkeys(words) if not any(other.startswith(f"{each} ") for other in words))


def judge_legacy(scenario: Scenario, first: Outcome, this: Outcome) -> Finding:
    """Legacy itself: it must be as expected, and like itself from one play to the next, or it is no measure."""
    words = [f"legacy does not answer: {this.failure}"] if this.failure is not None else []
    words += [f"legacy itself: {each}" for each in this.unmet]
    if this is not first and this.compared and this.reply is not None and first.reply is not None:
        rules = reply_rules(this.step.compare, scenario.compare)
        unsteady = compare_replies(first.reply, this.reply, rules)
        words += [
            f"legacy differs from itself from one play to the next, so that new cannot be judged: {each.path}; "
            "a rule for it is missing (same, tolerance, unordered or ignore)"
            for each in unsteady
        ]
    return Finding(tuple(words))


def gather(
    findings: Sequence[tuple[Outcome, Finding]],
    *,
    index: int,
    legacy: Sequence[Play] = (),
    measure_faults: Sequence[tuple[Outcome, Finding]] = (),
) -> StepResult:
    """All plays of one step in one mode. legacy: the plays that they were held against, for its time. measure_faults:
    what is wrong with these, which is told first: new cannot be judged by them.
    """
    bad = [pair for pair in (*measure_faults, *findings) if pair[1].is_bad]
    skipped = [pair for pair in findings if pair[1].skipped is not None]
    told, finding = (bad or skipped or list(findings))[0]
    return StepResult(
        name=told.step.name,
        verdict=Verdict.DIFFERENT if bad else Verdict.SKIPPED if skipped else Verdict.ALIKE,
        finding=finding,
        bad=len(bad) or len(skipped),
        plays=len(findings),
        status=told.reply.status if told.reply is not None else None,
        seconds=_middle([outcome for outcome, _ in findings]),
        legacy_seconds=_middle([each.outcomes[index] for each in legacy]),
    )


def _middle(outcomes: Sequence[Outcome]) -> float | None:
    times = [outcome.seconds for outcome in outcomes if outcome.reply is not None]
    return median(times) if times else None
