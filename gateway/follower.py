"""How a process follows the flags: Redis, snapshot, environment and file put together into what applies now.

Workers and the control process hold one each; the policies that it holds are what a worker decides by.
"""

import asyncio
import os
from collections.abc import Callable, Mapping

import structlog

from gateway.config.schema import RoutesFile
from gateway.flags.snapshot import SnapshotFile
from gateway.flags.watcher import FlagWatcher
from gateway.model import NONE, BasisPoints
from gateway.percent import format_percent
from gateway.report import FeatureState, StoreState
from gateway.rules.flagmodel import Event, Known
from gateway.rules.policy import FeaturePolicy, KeyList, fallbacks, resolve, resolve_feature
from gateway.rules.stage import stage_of
from gateway.settings import Process
from gateway.tasks import Tasks
from gateway.telemetry.logs import feature_changed

FIRST_READ_LOOK_SECONDS = 0.01

log = structlog.get_logger("flags")

OnPolicies = Callable[[frozenset[str]], None]
"""Called in the loop right after a change, with the features that were killed by it."""


class FlagFollower:
    """`policies` is replaced whole at every change, never edited."""

    def __init__(self, *, process: Process, routes: RoutesFile, tasks: Tasks, on_policies: OnPolicies) -> None:
        self._process = process
        self._routes = routes
        self._tasks = tasks
        self._on_policies = on_policies
        self._environment: Mapping[str, str] = dict(os.environ)
        self.is_control = process.slot == "control"
        self._announce = False
        self._task: asyncio.Task[None] | None = None
        self._snapshot = SnapshotFile(process.settings.snapshot_file)
        self.watcher = self._make_watcher()
        self._known = self.watcher.known if self.watcher is not None else None
        self.policies: Mapping[str, FeaturePolicy] = self._resolve()
        self._states: Mapping[str, FeatureState] | None = None

    def _make_watcher(self) -> FlagWatcher | None:
        settings = self._process.settings
        if settings.redis_url is None:
            return None
        return FlagWatcher(
            url=settings.redis_url,
            namespace=settings.namespace,
            features=fallbacks(self._routes, self._environment),
            snapshot=self._snapshot,
            saves_snapshot=self.is_control,
            creates_epoch=self.is_control,
            on_change=self._flags_changed,
            logger=log,
        )

    async def start(self, *, first_read_seconds: float = 0.0) -> None:
        """Begins to follow; waits at most so long for the first reading."""
        if self.watcher is not None:
            self._task = self._tasks.start(self.watcher.run(), name="follow-flags")
            if first_read_seconds and not await self._first_read(first_read_seconds):
                problem = self.watcher.problem
                log.warning("Redis has not answered yet; serving by the last known flags", problem=problem)
        self._announce = not self.is_control  # one line from each process that decides by it
        for policy in self.policies.values() if self._announce else ():
            feature_changed(policy.name, None, share(policy), **_source(policy))

    async def _first_read(self, seconds: float) -> bool:
        """Whether it came. One that failed is not waited for again where the last known flags are at hand."""
        deadline = asyncio.get_running_loop().time() + seconds
        at_first = self.watcher.problem if self.watcher is not None else None
        while self.watcher is not None and self.watcher.last_sync is None:
            failed = self.watcher.problem != at_first and self.watcher.known is not None
            if failed or asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(FIRST_READ_LOOK_SECONDS)
        return True

    async def stop(self) -> None:
        """Stops following; the control process then saves what it knows."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def routes_changed(self, routes: RoutesFile) -> None:
        """After a reload. New features are read from Redis at once."""
        self._routes = routes
        if self.watcher is not None:
            self.watcher.update_features(fallbacks(routes, self._environment))
        self._known = self.watcher.known if self.watcher is not None else None
        self._apply(self._resolve())

    def _flags_changed(self, known: Known, _: tuple[Event, ...]) -> None:
        """Only what has changed is resolved: all of five hundred features would hold up requests for milliseconds."""
        before = self._known.features if self._known is not None else {}
        self._known = known
        changed = {
            name: resolve_feature(
                name, routes=self._routes, environment=self._environment, known=known, store_configured=True
            )
            for name in self._routes.features
            if known.features.get(name) is not before.get(name)
        }
        self._apply({**self.policies, **changed})

    def _apply(self, policies: Mapping[str, FeaturePolicy]) -> None:
        before, self.policies, self._states = self.policies, policies, None
        killed = set()
        for name, policy in policies.items():
            old = before.get(name)
            if old is policy:
                continue
            if self._announce and (old is None or share(old) != share(policy)):
                feature_changed(name, share(old) if old is not None else None, share(policy), **_source(policy))
            if self._announce and old is not None and old.shadow != policy.shadow:
                percents = {"percent": format_percent(policy.shadow), "percent_before": format_percent(old.shadow)}
                log.info(
                    "the percent of shadows has changed", feature=name, **percents, source=policy.shadow_source.value
                )
            if policy.killed and (old is None or not old.killed):
                killed.add(name)
        self._on_policies(frozenset(killed))

    def _resolve(self) -> Mapping[str, FeaturePolicy]:
        return resolve(
            routes=self._routes,
            environment=self._environment,
            known=self._known,
            store_configured=self.watcher is not None,
        )

    @property
    def has_flags(self) -> bool:
        """Whether flags were ever read, from Redis or from the snapshot."""
        return self.watcher is not None and self.watcher.known is not None

    def store_state(self) -> StoreState:
        """How this process stands with Redis."""
        if self.watcher is None:
            return StoreState(configured=False)
        watcher = self.watcher
        return StoreState(
            configured=True,
            up=watcher.up,
            last_sync=watcher.last_sync,
            problem=watcher.problem,
            snapshot=self._snapshot.problem,
        )

    def feature_states(self) -> Mapping[str, FeatureState]:
        """What this process holds, for reports. They are asked for every second, and policies change seldom."""
        if self._states is None:
            self._states = {name: _state(policy) for name, policy in self.policies.items()}
        return self._states


def share(policy: FeaturePolicy) -> BasisPoints:
    """What of the split really goes to new."""
    return NONE if policy.killed or policy.unknown else policy.basis_points


def _source(policy: FeaturePolicy) -> dict[str, str]:
    """Why the share is what it is, for the log."""
    return (
        {"killed_by": " and ".join(policy.kill_sources)} if policy.killed else {"source": policy.percent_source.value}
    )


def _state(policy: FeaturePolicy) -> FeatureState:
    return FeatureState(
        basis_points=policy.basis_points,
        percent_source=policy.percent_source.value,
        killed=policy.killed,
        kill_sources=policy.kill_sources,
        unknown=policy.unknown,
        hidden=tuple((source.value, points) for source, points in policy.hidden),
        held=policy.held,
        problems=policy.problems,
        rev=policy.rev,
        allow=_size(policy.allow),
        deny=_size(policy.deny),
        shadow_basis_points=policy.shadow,
        shadow_source=policy.shadow_source.value,
        stage=stage_of(policy).value,
    )


def _size(entries: KeyList) -> int:
    return len(entries.exact) + sum(len(values) for _, values in entries.by_source)
