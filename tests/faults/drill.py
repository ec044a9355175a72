"""Faults under load: one spell from its beginning until all is well again, and the account of what it cost."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.catalogue import Spell, explained, may_divert
from tests.faults.oracle import doubled, repeated, strays

AFTERWARDS = 20
"""Requests that are looked at after a fault is over."""


@dataclass
class Account:
    """What clients saw, and the origins. broken: promises, in words."""

    name: str
    sent: int = 0
    failed: Counter = field(default_factory=Counter)
    diverted: int = 0
    misrouted: int = 0
    wrong: int = 0
    doubled: int = 0
    repeated: int = 0
    heal_ms: list = field(default_factory=list)
    broken: list = field(default_factory=list)
    confirmed: bool = True
    """Whether a flag that was changed meanwhile was in force on every worker."""

    def line(self):
        failed = sum(self.failed.values())
        kinds = ", ".join(f"{why} {count}" for why, count in sorted(self.failed.items()))
        heal = f"{max(self.heal_ms):.0f}" if self.heal_ms else "-"
        return (
            f"sent {self.sent}, failed {failed}{f' ({kinds})' if kinds else ''}, diverted {self.diverted}, "
            f"misrouted {self.misrouted}, wrong {self.wrong}, doubled {self.doubled}, healed in {heal} ms"
        )

    def add(self, outcome, spells):
        """Counts it and says whether a promise was broken by it."""
        self.sent += 1
        met = sorted({fault.name for fault, spell in spells if spell.covers(outcome)})
        what = f"{outcome.ask.method} {outcome.ask.path} of {outcome.ask.user} ({outcome.ask.id}): {outcome.why}"
        what += f", sides {sorted(outcome.sides)}, met {met}"
        if outcome.verdict == "failed":
            self.failed[outcome.why] += 1
            if not explained(outcome, spells):
                self.broken.append(f"failed without a reason: {what}")
        elif outcome.verdict == "diverted":
            self.diverted += 1
            if not may_divert(outcome, spells):
                self.broken.append(f"diverted although new was well: {what}")
        elif outcome.verdict == "misrouted":
            self.misrouted += 1
            self.broken.append(f"misrouted: {what}")
        elif outcome.verdict == "wrong":
            self.wrong += 1
            self.broken.append(f"answered wrongly: {what}")

    def compare(self, arrivals, outcomes):
        """With the origins' own records."""
        twice = doubled(arrivals)
        self.doubled += len(twice)
        self.repeated += len(repeated(arrivals))
        self.broken += [f"doubled: {load_id}" for load_id in twice]
        for stray in strays(arrivals, outcomes):
            self.misrouted += 1
            self.broken.append(f"new got a request of a user of legacy: {stray}")


async def one_spell(rig, load, fault, spell, *, alone=True):
    """From its beginning until all is well again: the workers say so, and what was asked meanwhile has its answer.
    Sets the spell's times. alone: everything must be well, not only what this fault has hurt.
    """
    loop = asyncio.get_running_loop()
    await fault.inject(rig, spell)
    if fault.repair is not None:
        await asyncio.sleep(fault.hold)  # how long the fault lasts
        await fault.repair(rig, spell)
        spell.repaired = loop.time()
    struck = spell.repaired or loop.time()
    hurt = None if alone else fault.hurts

    def is_over():
        oldest = min(list(load.in_flight.values()), default=struck)
        return oldest >= struck and rig.is_calm(hurt) and fault.healed(rig, spell)

    await rig.until(is_over, what=f"calm after {fault.name}")
    spell.healed = loop.time()


def heal_ms(spell):
    return (spell.healed - (spell.repaired or spell.began)) * 1000


async def drill(rig, load, fault):
    """One fault and its account."""
    loop = asyncio.get_running_loop()
    first, seen = len(load.outcomes), {arrival.id for arrival in rig.arrivals()}
    spell = Spell(loop.time())
    await one_spell(rig, load, fault, spell)
    await rig.until(
        lambda: sum(outcome.answer.sent_at > spell.healed for outcome in load.outcomes[first:]) >= AFTERWARDS,
        what="requests afterwards",
    )
    account = Account(fault.name, heal_ms=[heal_ms(spell)], confirmed=spell.kept.get("confirmed", True))
    outcomes = load.outcomes[first:]
    for outcome in outcomes:
        account.add(outcome, [(fault, spell)])
    account.compare([arrival for arrival in rig.arrivals() if arrival.id not in seen], outcomes)
    return account
