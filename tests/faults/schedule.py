"""Faults by a seeded random schedule, several at once: `python -m tests.faults.schedule --seed 7 --seconds 300`.

Two faults at once never strike the same thing; both backends may be down together. The same seed draws the same faults
at the same times. Prints what each cost; ends with 1 when a promise was broken.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.faults.catalogue import FAULTS, Fault, Spell
from tests.faults.drill import Account, heal_ms, one_spell
from tests.faults.load import SteadyLoad
from tests.faults.rig import Rig

AT_ONCE = 3
PAUSES = (0.1, 1.5)
"""Seconds between the end of one fault and the next in the same lane, drawn evenly."""


@dataclass
class Lane:
    """One after the other; `AT_ONCE` lanes run beside each other."""

    draws: random.Random


class Schedule:
    """What was struck when. `run` returns the accounts by fault, and the whole."""

    def __init__(self, rig, load, *, seed, seconds, faults=FAULTS):
        self.rig, self.load = rig, load
        self.seconds = seconds
        self.spells: list[tuple[Fault, Spell]] = []
        self._faults = [fault for fault in faults if fault.possible(rig)]
        self._lanes = [Lane(random.Random(f"{seed}/{number}")) for number in range(AT_ONCE)]
        self._hurt: set[str] = set()

    async def run(self):
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(self._run(lane))
        await self.rig.until(self.rig.is_calm, what="calm at the end")

    async def _run(self, lane):
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.seconds
        while True:
            pause, draw = lane.draws.uniform(*PAUSES), lane.draws.random()
            await asyncio.sleep(pause)  # the schedule's own
            if loop.time() > ends:
                return
            free = [fault for fault in self._faults if not fault.hurts & self._hurt and self._fits(fault)]
            if free:
                await self._strike(free[int(draw * len(free))])

    def _fits(self, fault):
        """One worker at a time: the promise is that the other goes on."""
        return not (fault.hurts & {"w0", "w1"} and self._hurt & {"w0", "w1"})

    async def _strike(self, fault):
        self._hurt |= fault.hurts
        spell = Spell(asyncio.get_running_loop().time())
        self.spells.append((fault, spell))
        try:
            await one_spell(self.rig, self.load, fault, spell, alone=False)
        finally:
            self._hurt -= fault.hurts

    def accounts(self):
        """Each request counts with every fault that it met; the whole has each once, and the promises."""
        whole = Account("all")
        by_name = {fault.name: Account(fault.name) for fault, _ in self.spells}
        times = Counter(fault.name for fault, _ in self.spells)
        for fault, spell in self.spells:
            by_name[fault.name].heal_ms.append(heal_ms(spell))
        for outcome in self.load.outcomes:
            whole.add(outcome, self.spells)
            met = {fault.name for fault, spell in self.spells if spell.covers(outcome)}
            for name in met:
                by_name[name].add(outcome, self.spells)
        whole.compare(self.rig.arrivals(), self.load.outcomes)
        return [(times[name], account) for name, account in sorted(by_name.items())], whole


async def run(directory, *, seed, seconds, users=40, rate=200.0, keep_log=None):
    """Returns the accounts and the whole. keep_log: the gateway's log goes there if a promise was broken."""
    with Rig(directory) as rig:
        async with SteadyLoad(rig.gateway.port, rig.splits, users=users, rate=rate, seed=seed) as load:
            schedule = Schedule(rig, load, seed=seed, seconds=seconds)
            await schedule.run()
        accounts, whole = schedule.accounts()
        if whole.broken and keep_log is not None:
            keep_log.write_bytes(rig.gateway.log.read_bytes())
        if load.surplus:
            whole.broken.append(f"{load.surplus} connections got bytes that nobody had asked for")
        return accounts, whole


def table(accounts, whole):
    rows = [(str(times), account) for times, account in accounts] + [("", whole)]
    head = f"{'fault':<28}{'times':>6}{'sent':>8}{'failed':>8}{'diverted':>10}{'misrouted':>11}{'wrong':>7}"
    lines = [head + f"{'doubled':>9}{'heals in ms, worst':>20}"]
    for times, each in rows:
        heal = f"{max(each.heal_ms):.0f}" if each.heal_ms else ""
        lines.append(
            f"{each.name:<28}{times:>6}{each.sent:>8}{sum(each.failed.values()):>8}{each.diverted:>10}"
            f"{each.misrouted:>11}{each.wrong:>7}{each.doubled:>9}{heal:>20}"
        )
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    options.add_argument("--seconds", type=float, default=300.0)
    options.add_argument("--keep-log", type=Path, help="where the gateway's log goes when a promise was broken")
    options.add_argument("--rate", type=float, default=200.0, help="requests a second")
    given = options.parse_args()
    print(f"seed {given.seed}, {given.seconds:.0f} s, {given.rate:.0f} requests a second", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        drawn = {"seed": given.seed, "seconds": given.seconds, "rate": given.rate}
        accounts, whole = asyncio.run(run(Path(directory), **drawn, keep_log=given.keep_log))
    print(table(accounts, whole))
    for promise in whole.broken[:50]:
        print(f"BROKEN: {promise}")
    print(f"{len(whole.broken)} promises broken in {whole.sent} requests (seed {given.seed})")
    return 1 if whole.broken or not whole.sent else 0


if __name__ == "__main__":
    sys.exit(main())
