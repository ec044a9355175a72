"""A scenario of `gateway verify` as a record: its requests depend on one another, so they are played, not just sent.

Each side has a player of its own, with what it has captured there. What differs is looked for in a second play before
it counts, for the steps of a play cannot be repeated one by one.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.config.comparison import Compare
from gateway.model import ShadowOutcome, Side
from gateway.replay.leads import bare_plan
from gateway.replay.tally import Tally
from gateway.rules.compare import Difference, Kind
from gateway.rules.compared import Asked, Compared
from gateway.rules.confirm import confirmed
from gateway.rules.plan import ShadowPlan
from gateway.rules.replies import Reply, ReplyRules, compare_replies
from gateway.rules.reply_rules import reply_rules
from gateway.verify.flags import Change
from gateway.verify.plan import Plan, Stage
from gateway.verify.player import Outcome, Play
from gateway.verify.schema import Scenario, Step
from gateway.verify.verdict import Mode

EXPECTATION: Final = "expectation"
_NAME: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Played:
    """scenario: as it is played. ignore: places that are not compared; secret: names of the headers that were given for
    all requests.
    """

    scenario: Scenario
    file: Path
    legacy: str
    new: str
    ignore: tuple[str, ...]
    secret: frozenset[str]


def methods_of(scenario: Scenario) -> set[str]:
    """All that it sends."""
    return {step.request.method for step in (*scenario.setup, *scenario.steps)}


def with_headers(scenario: Scenario, extra: Sequence[tuple[str, str]]) -> Scenario:
    """These go with each request, whatever the step says; a brace in one means itself."""
    given = {name: _NAME.sub(r"{{\1}}", value) for name, value in extra}

    def changed(step: Step) -> Step:
        own = {name: value for name, value in step.request.headers.items() if name.lower() not in given}
        return step.model_copy(update={"request": step.request.model_copy(update={"headers": {**own, **given}})})

    setup, steps = (tuple(map(changed, each)) for each in (scenario.setup, scenario.steps))
    return scenario.model_copy(update={"setup": setup, "steps": steps})


async def play(played: Played, tally: Tally, progress: Callable[[str], None]) -> None:
    """Once, and once more where something differed. Raises CannotPlayError where legacy does not answer."""
    stage = Stage(_plan(played), progress)
    first = await stage.both(legacy_first=True)
    found = _found(played, first)
    again = None
    if any(found.values()):
        stage.tell("what differed is looked for once more")
        again = await stage.both(legacy_first=False)
    for number, old in enumerate(first[0].outcomes):
        _settle(played, tally, number, (old, first[1].outcomes[number]), found=found.get(number, ()), again=again)


def _plan(played: Played) -> Plan:
    return Plan(
        scenario=played.scenario,
        file=played.file,
        legacy=played.legacy,
        new=played.new,
        gateway=None,
        modes=frozenset({Mode.DIRECT}),
        repeat=1,
        limits=None,
        change=Change("", ""),
        splits_by_user=False,
    )


def _found(played: Played, plays: tuple[Play, Play]) -> dict[int, tuple[Difference, ...]]:
    """By the number of the step, for steps that both sides have answered."""
    pairs = zip(plays[0].outcomes, plays[1].outcomes, strict=True)
    return {
        number: _differences(played, old, new)
        for number, (old, new) in enumerate(pairs)
        if old.reply is not None and new.reply is not None
    }


def _differences(played: Played, old: Outcome, new: Outcome) -> tuple[Difference, ...]:
    """Of the replies, where the step is compared; and what the step expects and new alone does not do."""
    found: tuple[Difference, ...] = ()
    if new.compared and old.reply is not None and new.reply is not None:
        found = compare_replies(old.reply, new.reply, _rules(played, new.step))
    if not old.unmet and new.unmet and not found:
        found += tuple(Difference(Kind.VALUE, EXPECTATION, "as expected", words) for words in new.unmet)
    return found


def _rules(played: Played, step: Step) -> ReplyRules:
    scenario = played.scenario.compare
    near = step.compare.model_copy(update={"ignore": (*step.compare.ignore, *played.ignore)})
    return reply_rules(near, scenario)


def _settle(
    played: Played,
    tally: Tally,
    number: int,
    outcomes: tuple[Outcome, Outcome],
    *,
    found: tuple[Difference, ...],
    again: tuple[Play, Play] | None,
) -> None:
    """One step is counted, where it is compared or something is wrong with it."""
    old, new = outcomes
    feature, when = played.scenario.feature, time.time()
    place = f'step "{old.step.name}"'
    if old.reply is None or new.reply is None:
        side, outcome = (Side.LEGACY, old) if old.reply is None else (Side.NEW, new)
        kind = ShadowOutcome.DROPPED_PRIMARY_FAILED if side is Side.LEGACY else ShadowOutcome.FAILED
        why = outcome.failure or f"not asked: {outcome.skipped}"
        tally.count(feature, kind, when=when, failure=f"{place}: {side} gave no reply: {why}")
        return
    if not found:
        if new.compared:
            tally.count(feature, ShadowOutcome.MATCH, when=when)
        return
    lasting = _lasting(played, number, old.reply, found, again)
    kind = ShadowOutcome.MISMATCH if lasting else ShadowOutcome.UNCONFIRMED
    tally.count(feature, kind, when=when)
    compared = _compared(feature, kind, (old, new), (old.reply, new.reply), lasting or found)
    tally.add(compared, _redaction(played), place=place)


def _lasting(
    played: Played, number: int, first: Reply, found: tuple[Difference, ...], again: tuple[Play, Play] | None
) -> tuple[Difference, ...]:
    if again is None:
        return found
    old, new = again[0].outcomes[number], again[1].outcomes[number]
    if old.reply is None or new.reply is None:
        return confirmed(found, (), ())
    itself = compare_replies(first, old.reply, _rules(played, old.step)) if old.compared else ()
    return confirmed(found, _differences(played, old, new), itself)


def _compared(
    feature: str,
    outcome: ShadowOutcome,
    outcomes: tuple[Outcome, Outcome],
    replies: tuple[Reply, Reply],
    differences: tuple[Difference, ...],
) -> Compared:
    request = outcomes[0].step.request
    return Compared(
        feature=feature,
        route=f"{request.method} {request.path}",
        outcome=outcome,
        answered=Side.LEGACY,
        request_id="",
        when=time.time(),
        asked=Asked(request.method, request.path, tuple(request.headers.items()), b""),
        legacy=replies[0],
        new=replies[1],
        differences=differences,
        legacy_seconds=outcomes[0].seconds,
        new_seconds=outcomes[1].seconds,
    )


def _redaction(played: Played) -> ShadowPlan:
    plan = bare_plan(reply_rules(Compare(), Compare()), "")
    return replace(plan, redact_headers=played.secret)
