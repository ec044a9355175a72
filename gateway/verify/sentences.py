"""What was found, in the sentences that all reports use."""

from collections.abc import Iterator

from gateway.compare.words import count
from gateway.verify.timing import Timing
from gateway.verify.verdict import FeatureResult, ModeResult, StepResult, Verdict

MAX_NAMED = 3


def step_lines(step: StepResult) -> list[str]:
    """What is wrong with a step, the first line with how often where that is not always."""
    if step.finding.skipped is not None:
        return [f"not played: {step.finding.skipped}"]
    first, *rest = step.finding.words or ("",)
    often = f" (in {step.bad} of {step.plays} plays)" if step.bad < step.plays else ""
    return [f"{first}{often}", *rest]


def slower_lines(timing: Timing) -> list[str]:
    """How new is slower than it may be, in all and by step; nothing where it is not."""
    lines = []
    if timing.total.is_beyond(timing.limits):
        lines.append(f"{timing_sentence(timing)}; {timing.limits.percent:g} % are allowed")
    if timing.typical.is_beyond(timing.limits):
        percent, seconds = timing.typical.percent, timing.typical.seconds
        lines.append(
            f"new is {percent.value:.1f} % slower in the middle of all requests: {milliseconds(seconds.value)} longer "
            f"(95 % sure: at least {milliseconds(seconds.low)})"
        )
    for slow in timing.slow_steps:
        times = f"{milliseconds(slow.new)} instead of {milliseconds(slow.legacy)}"
        lines.append(f'"{slow.name}" is {slow.percent:.1f} % slower on new in every round: {times}')
    return lines


def timing_sentence(timing: Timing) -> str:
    """`new is 15.2 % slower than legacy (95 % sure: +13.0 to +17.9 %), +6.1 ms a request`."""
    percent = timing.total.percent
    word = "slower" if percent.value >= 0 else "faster"
    interval = f"{percent.low:+.1f} to {percent.high:+.1f} %"
    longer = f"{timing.total.seconds.value * 1000:+.1f} ms a request"
    return f"new is {abs(percent.value):.1f} % {word} than legacy (95 % sure: {interval}), {longer}"


def verdict_sentence(result: FeatureResult) -> str:
    """The last line of a feature."""
    if not result.is_bad:
        return f"alike: {_size(result)}{_timed(result.timing)}{_unsaid(result)}"
    return f"DIFFERENT: {'; '.join(_causes(result))} ({_size(result)})"


def _causes(result: FeatureResult) -> Iterator[str]:
    for mode in result.modes:
        yield from (f"{mode.mode.heading}: {problem}" for problem in mode.problems)
        bad = [step for step in mode.steps if step.verdict is Verdict.DIFFERENT]
        if bad:
            names = ", ".join(f'"{step.name}"' for step in bad[:MAX_NAMED])
            more = f" and {len(bad) - MAX_NAMED} more" if len(bad) > MAX_NAMED else ""
            yield f"{mode.mode.heading}: {count(len(bad), 'step')} ({names}{more})"
    if result.timing is not None and result.timing.is_slower:
        yield slower_lines(result.timing)[0]


def _size(result: FeatureResult) -> str:
    played = [mode for mode in result.modes if mode.unplayed is None]
    steps = max((len(mode.steps) for mode in played), default=0)
    modes = ", ".join(mode.mode.heading for mode in played)
    requests = f"{count(result.requests, 'request')}, {result.requests_to_new} of them answered by new"
    return f"{count(steps, 'step')}; {modes}; {requests}; {result.seconds:.0f} s"


def _timed(timing: Timing | None) -> str:
    return f"; {timing_sentence(timing)}" if timing is not None else ""


def _unsaid(result: FeatureResult) -> str:
    skipped = sum(step.verdict is Verdict.SKIPPED for mode in result.modes for step in mode.steps)
    return f"; {count(skipped, 'step')} not played" if skipped else ""


def mode_notes(mode: ModeResult) -> list[str]:
    """Why it was not played, what is wrong with it as a whole, and what is worth knowing."""
    unplayed = [f"not played: {mode.unplayed}"] if mode.unplayed is not None else []
    return [*unplayed, *mode.problems, *mode.notes]


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
