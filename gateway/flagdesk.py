"""Where operators' changes of flags come in: checked against routes.yaml, written to Redis, and waited for.

A kill is done when every live worker, here and on every machine that shares the Redis, reports it in force.
"""

import asyncio
import time
from typing import Any

from gateway.control_view import ControlView
from gateway.flags.registry import WorkerReport
from gateway.flags.stored import FlagConflictError, FlagStoreError
from gateway.flags.writer import FlagWriter, Written
from gateway.model import Source
from gateway.percent import format_percent, parse_percent
from gateway.rules.flagvalues import nearest
from gateway.rules.policy import FeaturePolicy
from gateway.rules.stage import stage_of

CONFIRM_SECONDS = 3.0
LOOK_SECONDS = 0.02

ACTIONS = ("percent", "shadow", "enable", "disable", "allow", "deny", "unset", "adopt")

NO_STORE = (
    "this gateway was started without Redis, so flags come from the environment and routes.yaml alone; "
    "start it with --redis, or edit routes.yaml (`kill: true` on the feature kills)"
)


IRREVERSIBLE = (
    "{} cannot go back: routes.yaml says reversible: false, so legacy cannot read what new has written, and the users "
    "whom this moves to legacy will miss it"
)


RETIRED = (
    "{} is retired: routes.yaml names no legacy for it, so everything goes to new, and there is nothing that a flag "
    "could change. To move users back, name its legacy in routes.yaml again"
)
NO_SHADOWS = (
    "no route of {} may be shadowed (see `shadow` of its routes in routes.yaml), so nothing is sent to the other side"
)


class FlagRequestError(Exception):
    """A change that was not made. The message is for the operator."""

    def __init__(self, status: int, title: str, detail: str, **more: object) -> None:
        super().__init__(detail)
        self.status, self.title, self.more = status, title, more


HELD = " (it came with other data and is held)"
"""Of a worker that has read a change together with a Redis that had lost its data, and so does not trust it."""


class FlagDesk:
    """Used by the admin app alone."""

    def __init__(self, control: ControlView) -> None:
        self._control = control

    async def every(self) -> dict[str, Any]:
        """Every feature's flag by name."""
        return {name: flag_json(policy) for name, policy in self._control.flags.policies.items()}

    async def get(self, feature: str) -> dict[str, Any]:
        """One feature's flag. Raises FlagRequestError."""
        return flag_json(self._policy(feature))

    async def history(self, feature: str, count: int) -> list[dict[str, str]]:
        """Recorded changes, the newest first. Raises FlagRequestError."""
        self._policy(feature)
        try:
            changes = await self._writer().history(feature, count)
        except FlagStoreError as error:
            raise FlagRequestError(503, "Flag store", str(error)) from None
        return [change.fields() for change in changes]

    async def change(
        self,
        feature: str,
        action: str,
        *,
        value: str | None = None,
        entries: tuple[str, ...] = (),
        remove: bool = False,
        who: str = "unknown",
        reason: str = "",
        expected_rev: int | None = None,
        confirm: bool = False,
    ) -> dict[str, Any]:
        """Makes one change and waits until the workers hold it. Raises FlagRequestError; then nothing has changed.

        confirm: somebody has said that users may be moved off new although legacy cannot read what new has written.
        """
        policy = self._policy(feature)
        self._refuse_where_nothing_can_change(policy, action, remove=remove)
        self._refuse_beside_an_unreadable_flag(policy, action)
        try:
            if not (policy.reversible or confirm) and takes_users_off_new(policy, action, value, remove=remove):
                raise FlagRequestError(409, "Confirmation needed", IRREVERSIBLE.format(feature), confirm="needed")
            written = await self._write(
                feature, action, value, (entries, remove), {"who": who, "reason": reason, "expected_rev": expected_rev}
            )
        except FlagConflictError as error:
            raise FlagRequestError(409, "Somebody else was quicker", str(error)) from None
        except FlagStoreError as error:
            raise FlagRequestError(503, "Flag store", str(error)) from None
        except ValueError as error:
            raise FlagRequestError(400, "Malformed value", str(error)) from None
        unheard: set[str] = set()
        confirmed, missing, silent = await self._in_force(
            feature, written.change.rev, kill=action == "disable", unheard=unheard
        )
        return {
            "feature": feature,
            **written.change.fields(),
            "warnings": [*written.warnings, *sorted(unheard), *self._without_effect(feature, action)],
            "flag": flag_json(self._policy(feature)),
            "workers": {"confirmed": confirmed, "missing": missing, "silent": silent},
        }

    async def _write(
        self,
        feature: str,
        action: str,
        value: str | None,
        listed: tuple[tuple[str, ...], bool],
        meta: dict[str, Any],
    ) -> Written:
        writer, (entries, remove) = self._writer(), listed
        if action == "percent":
            return await writer.set_percent(feature, parse_percent(value), **meta)
        if action == "shadow":
            return await writer.set_shadow(feature, parse_percent(value), **meta)
        if action in ("enable", "disable"):
            return await writer.set_enabled(feature, action == "enable", **meta)
        if action in ("allow", "deny"):
            if not entries or not all(entries):
                raise ValueError("name at least one entry, and no empty one")
            if remove:
                return await writer.remove(feature, "allow" if action == "allow" else "deny", entries, **meta)
            return await writer.add(feature, "allow" if action == "allow" else "deny", entries, **meta)
        if action == "unset":
            if value not in (None, "percent"):
                raise ValueError(f"{value!r} cannot be unset by itself; say nothing, or percent: shadows stay then")
            return await writer.unset(feature, **meta, shadow=value is None)
        if action == "adopt":
            return await writer.adopt(feature, **meta)
        raise ValueError(f"{action!r} is no action; there are {', '.join(ACTIONS)}")

    @staticmethod
    def _refuse_where_nothing_can_change(policy: FeaturePolicy, action: str, *, remove: bool) -> None:
        """A kill that kills nothing must not look like one. What is left in Redis of former days can be taken out."""
        if policy.retired and action != "unset" and not (action in ("allow", "deny") and remove):
            raise FlagRequestError(409, "The feature is retired", RETIRED.format(policy.name))

    def _without_effect(self, feature: str, action: str) -> tuple[str, ...]:
        """What an operator should know who asks for shadows."""
        targets = (target for target in self._control.plan.targets if target.shadow is not None)
        is_possible = any(target.feature is not None and target.feature.name == feature for target in targets)
        return () if action != "shadow" or is_possible else (NO_SHADOWS.format(feature),)

    @staticmethod
    def _refuse_beside_an_unreadable_flag(policy: FeaturePolicy, action: str) -> None:
        """Any change of ours makes all that Redis holds count; of a flag without one good value nobody knows what."""
        if (
            policy.unknown
            and policy.percent_source is Source.NEVER_READ
            and action in ("allow", "deny", "enable", "shadow")
        ):
            raise FlagRequestError(
                409,
                "Nothing is known of this flag",
                f"{policy.name} has never had a good value in Redis and stays on legacy; "
                f"set a percent first, or `gateway flag adopt {policy.name}` takes what Redis says",
            )

    async def _in_force(
        self, feature: str, rev: int, *, kill: bool, unheard: set[str]
    ) -> tuple[list[str], list[str], list[str]]:
        """Which workers hold the change, which live ones do not when time is up, and which have fallen silent.

        unheard: takes why other machines could not be asked. Our own reading is waited for too: the answer shows it.
        """
        deadline = time.monotonic() + CONFIRM_SECONDS
        while True:
            unheard.clear()
            confirmed, missing, silent = await self._look(feature, rev, kill=kill, unheard=unheard)
            policy = self._control.flags.policies.get(feature)
            done = not missing and (policy is None or policy.rev >= rev)
            if done or time.monotonic() > deadline:
                return sorted(confirmed), sorted(missing), sorted(silent)
            await asyncio.sleep(LOOK_SECONDS)

    async def _others(self, unheard: set[str]) -> list[WorkerReport]:
        """Workers of other machines; our own are asked directly."""
        if self._control.registry is None:
            return []
        try:
            reports = await self._control.registry.read()
        except FlagStoreError as error:
            unheard.add(f"workers of other machines could not be asked: {error}")
            return []
        own = self._control.process.gateway_id + ":"
        return [report for report in reports if not report.worker.startswith(own)]

    async def _look(
        self, feature: str, rev: int, *, kill: bool, unheard: set[str]
    ) -> tuple[list[str], list[str], list[str]]:
        workers = self._control.workers
        states = await workers.ask()
        confirmed: list[str] = []
        missing = [f"{slot} (does not answer)" for slot in workers.unresponsive]
        silent: list[str] = []
        for slot, state in states.items():
            held = state.features.get(feature) if state is not None else None
            if state is not None:
                done = held is not None and (held.killed if kill else held.rev >= rev and held.held is None)
                where, why = (confirmed, "") if done else (missing, HELD if held is not None and held.held else "")
                where.append(slot + why)
        for leaving in workers.leaving:
            held = leaving.features.get(feature)
            if held is not None and not (held.killed if kill else held.rev >= rev):
                missing.append(f"{leaving.slot} (which drains)")
        for report in await self._others(unheard):
            flag = report.features.get(feature)
            done = flag is not None and (flag.killed if kill else flag.rev >= rev)
            where = confirmed if done else missing if report.live else silent
            where.append(report.worker if report.live or done else f"{report.worker} (for {report.age_seconds:.0f} s)")
        return confirmed, missing, silent

    def _writer(self) -> FlagWriter:
        if self._control.writer is None:
            raise FlagRequestError(409, "No flag store", NO_STORE)
        return self._control.writer

    def _policy(self, feature: str) -> FeaturePolicy:
        policies = self._control.flags.policies
        if feature not in policies:
            hint = nearest(feature, policies) or f"; there are {', '.join(sorted(policies)) or 'none'}"
            raise FlagRequestError(404, "No such feature", f"routes.yaml has no feature {feature!r}{hint}")
        return policies[feature]


def takes_users_off_new(policy: FeaturePolicy, action: str, value: str | None, *, remove: bool) -> bool:
    """Whether a change can move anybody from new to legacy. `unset` may: what is below the flag is another percent.

    Raises ValueError for a percent that is none.
    """
    if action == "percent":
        return parse_percent(value) < policy.basis_points
    return action in ("disable", "unset") or (action == "deny" and not remove) or (action == "allow" and remove)


def flag_json(policy: FeaturePolicy) -> dict[str, Any]:
    """A feature's flag for people and programs; percents are text with at most two decimals."""
    return {
        "feature": policy.name,
        "percent": format_percent(policy.basis_points),
        "source": policy.percent_source.value,
        "stage": stage_of(policy).value,
        "shadow_percent": format_percent(policy.shadow),
        "shadow_source": policy.shadow_source.value,
        "killed_by": list(policy.kill_sources),
        "unknown": policy.unknown,
        "allow": list_json(policy, "allow"),
        "deny": list_json(policy, "deny"),
        "rev": policy.rev,
        "held": policy.held,
        "reversible": policy.reversible,
        "problems": list(policy.problems),
        "hidden": [{"source": source.value, "percent": format_percent(points)} for source, points in policy.hidden],
        "hidden_shadow_percent": None if policy.hidden_shadow is None else format_percent(policy.hidden_shadow),
    }


def list_json(policy: FeaturePolicy, which: str) -> list[str]:
    """An allow or deny list as it would be typed."""
    entries = policy.allow if which == "allow" else policy.deny
    plain = [value.decode("utf-8", "backslashreplace") for value in entries.exact]
    sourced = [
        f"{source}={value.decode('utf-8', 'backslashreplace')}"
        for source, values in entries.by_source
        for value in values
    ]
    return sorted(plain) + sorted(sourced)
