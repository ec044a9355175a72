"""The control process: composition root of the control plane. It may die at any time and takes no request with it.

It validates edits of routes.yaml and writes the accepted copy, saves the flags' snapshot, adds up what workers count,
and answers operators on the admin port.
"""

if __name__ == "__main__":
    from gateway import lean

    lean.imports_only()
    lean.without_rich()

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

import structlog
import uvloop

from gateway.admin import AdminApp
from gateway.admin_guard import AdminFront
from gateway.admin_token import admin_token
from gateway.certificate_files import inspection
from gateway.compare.reader import CompareReader
from gateway.config.load import Inspection
from gateway.control_view import ConfigState
from gateway.deaths import read_deaths
from gateway.edge.server import EdgeServer, edge_config
from gateway.flags.kept import Kept, kept_of
from gateway.flags.registry import WorkerRegistry
from gateway.flags.stored import FlagStoreError
from gateway.flags.writer import FlagWriter
from gateway.follower import FlagFollower
from gateway.lifeline import Lifeline
from gateway.pulse import Pulse
from gateway.reload import (
    LOOK_SECONDS,
    FilesWatch,
    FileWatch,
    accept,
    os_error_in_words,
    read_accepted,
    restore_accepted,
)
from gateway.report import WorkerState
from gateway.rolling import RollingError, RollState, read_roll
from gateway.rules.access import Access
from gateway.rules.plan import Plan, compile_plan
from gateway.settings import Process, this_process
from gateway.tasks import Tasks
from gateway.telemetry import logs
from gateway.traffic import Traffic
from gateway.workers import Workers

ASK_EVERY_SECONDS = 1.0
SAMPLE_EVERY_SECONDS = 5.0
TRY_AGAIN_SECONDS = 1.0
FOLLOW_SECONDS = 3.0
"""For workers to take over an edit, and for the supervisor to begin a roll."""
LAST_ANSWERS_SECONDS = 0.5
"""For what operators have asked for when the process ends."""

log = structlog.get_logger("control")


class Control:
    """What this process holds."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.settings = process.settings
        self.tasks = Tasks()
        self.plan = self._accepted_plan()
        self.config = ConfigState(self.plan.sha256, self._accepted_at())
        self.flags = FlagFollower(
            process=process, routes=self.plan.routes, on_policies=lambda _: None, tasks=self.tasks
        )
        url = self.settings.redis_url
        self.workers = Workers(process)
        self.writer = self._writer(url) if url else None
        self.registry = WorkerRegistry(url=url, namespace=self.settings.namespace) if url else None
        self.comparisons = CompareReader(url=url, namespace=self.settings.namespace) if url else None
        self._listener = socket.socket(fileno=process.listen_fd)
        self.access = Access(
            admin_token(os.environ, self.settings.admin_token_file),
            self._listener.getsockname()[0],
            frozenset(self.settings.admin_names),
            self.settings.open_metrics,
        )
        self.admin = AdminApp(self)
        self.traffic = Traffic(self.settings.metrics_dir)
        self.draining = False
        self.lifeline = Lifeline(process.lifeline_fd)
        self._watch = FileWatch(self.settings.routes)
        self._files = FilesWatch()
        self._look_now = asyncio.Event()
        self._looking = asyncio.Lock()
        self._asking_for_roll = asyncio.Lock()
        self._try_again_at = 0.0

    def _writer(self, url: str) -> FlagWriter:
        namespace = self.settings.namespace
        return FlagWriter(url=url, namespace=namespace, kept=self._kept, newest_rev=self._newest_rev)

    def _newest_rev(self, feature: str) -> int:
        """That anybody here was seen to hold."""
        policy = self.flags.policies.get(feature)
        return max(self.workers.newest_rev(feature), policy.rev if policy is not None else 0)

    def _kept(self, feature: str) -> Kept | None:
        """What a change of this feature's flag must write back, because it is in force and Redis does not say so."""
        known = self.flags.watcher.known if self.flags.watcher is not None else None
        return kept_of(known.features.get(feature)) if known is not None else None

    # -- routes.yaml

    def _accepted_plan(self) -> Plan:
        accepted = read_accepted(self.settings.accepted_file)
        if accepted is None:
            raise ValueError(f"{self.settings.accepted_file} is missing; the supervisor writes it at start")
        return compile_plan(accepted.routes, accepted.sha256)

    def _accepted_at(self) -> float:
        return self.settings.accepted_file.stat().st_mtime

    async def _follow_routes(self) -> None:
        """Looks for edits; SIGHUP asks for a look at once, whether or not the file has changed."""
        while True:
            try:
                await asyncio.wait_for(self._look_now.wait(), LOOK_SECONDS)
                self._look_now.clear()
                asked = True
            except TimeoutError:
                asked = False
                if self._files.look():
                    self._watch.forget()  # whether it has faults depends on the files that it names
            await self._look(asked=asked)
            if self.config.problem is not None and time.monotonic() > self._try_again_at:
                self._watch.forget()  # a full disk is freed without an edit

    async def _look(self, *, asked: bool) -> None:
        async with self._looking:
            content = self._watch.take() if asked else self._watch.look()
            self._tell_missing(asked=asked)
            if content is not None:
                await self._consider(content, asked=asked)
            self._restore_accepted()

    async def reload(self) -> Mapping[str, WorkerState | None]:
        """Looks at routes.yaml now, and waits until the workers run what is accepted, or time is up."""
        await self._look(asked=True)
        deadline = time.monotonic() + FOLLOW_SECONDS
        while True:
            states = await self.workers.ask()
            behind = [state for state in states.values() if state and state.config_sha256 != self.plan.sha256]
            if not behind or time.monotonic() > deadline:
                return states
            await asyncio.sleep(LOOK_SECONDS)

    async def roll_workers(self) -> RollState | None:
        """Asks the supervisor to replace the workers. None when it does not begin; RollingError while it does."""
        async with self._asking_for_roll:
            before = read_roll(self.process.run_dir)
            if before is not None and before.state == "rolling":
                raise RollingError(before)
            if os.getppid() != self.process.supervisor:
                return None
            os.kill(self.process.supervisor, signal.SIGUSR1)
            deadline = time.monotonic() + FOLLOW_SECONDS
            while time.monotonic() < deadline:
                roll = read_roll(self.process.run_dir)
                if roll is not None and (before is None or roll.number > before.number):
                    return roll
                await asyncio.sleep(LOOK_SECONDS)
            return None

    def _tell_missing(self, *, asked: bool) -> None:
        """A file that is gone is no instruction: what runs keeps running, and status says so."""
        problem = self._watch.problem
        before, self.config.missing = self.config.missing, problem
        if problem is not None and (asked or problem != before):
            log.error("routes.yaml cannot be read; what ran before keeps running", problem=problem)
        elif problem is None and before is not None:
            log.info("routes.yaml can be read again")

    def _restore_accepted(self) -> None:
        """A worker that is born needs it."""
        try:
            if restore_accepted(self.settings.accepted_file, self.plan.routes, self.plan.sha256):
                log.warning("the accepted copy of routes.yaml was gone and is written again")
        except OSError as error:
            self._cannot_write(error)

    def _cannot_write(self, error: OSError) -> None:
        before = self.config.problem
        self.config.problem = (
            f"the accepted copy {self.settings.accepted_file} cannot be written: {os_error_in_words(error)}; "
            "what ran before keeps running, and it is tried again"
        )
        self._try_again_at = time.monotonic() + TRY_AGAIN_SECONDS
        if self.config.problem != before:
            self._count("failed")
            log.error("routes.yaml not taken over", problem=self.config.problem)

    async def _consider(self, content: bytes, *, asked: bool) -> None:
        """One version of the file: in force whole, or nothing changes and every fault is told."""
        settings = self.settings
        try:
            edit = await asyncio.to_thread(
                accept,
                content,
                str(settings.routes),
                settings.accepted_file,
                unless_sha256=self.plan.sha256,
                inspect=self._inspection(),
            )
        except OSError as error:
            self.config.faults = ()
            self._cannot_write(error)
            return
        self._files.follow(edit.loaded.files)
        self.config.problem = None
        had_faults = bool(self.config.faults)
        self.config.faults, self.config.warnings = edit.faults, edit.loaded.warnings
        if edit.unchanged:
            if had_faults:
                log.info("routes.yaml is again what is in force")
            elif asked:
                log.info("routes.yaml has not changed")
            return
        self.config.last_edit_at = time.time()
        if not edit.accepted or edit.loaded.routes is None:
            self._count("refused")
            for fault in edit.faults:
                log.error("routes.yaml refused; what ran before keeps running", fault=str(fault))
            return
        self.plan = compile_plan(edit.loaded.routes, edit.loaded.sha256)
        self.config.accepted_sha256, self.config.accepted_at = edit.loaded.sha256, time.time()
        self.flags.routes_changed(edit.loaded.routes)
        self._count("accepted")
        for fault in edit.loaded.warnings:
            log.warning("routes.yaml", fault=str(fault))
        log.info("routes.yaml accepted", config_sha256=edit.loaded.sha256[:12])

    def _inspection(self) -> Inspection | None:
        """Certificates that an edit names anew must be good; those in force are the workers' affair."""
        tls = self.plan.routes.tls
        known = {files.files for files in tls.certificates} if tls is not None else set()
        base = self.settings.routes.parent
        return inspection(base, now=time.time(), known=known, needed=True) if self.settings.speaks_tls else None

    def _count(self, result: str) -> None:
        self.config.results[result] = self.config.results.get(result, 0) + 1

    # -- workers and their counters

    async def _follow_workers(self) -> None:
        """Tells when all are ready and who does not answer, and signs off the dead."""
        announced = False
        hung: frozenset[str] = frozenset()
        pids: dict[str, int] = {}
        while True:
            states = await self.workers.ask()
            await self._sign_off_the_dead(pids, states)
            for slot in sorted(self.workers.unresponsive - hung):
                log.error("a worker does not answer", slot=slot)
            for slot in sorted(hung - self.workers.unresponsive):
                log.info("a worker answers again, or was replaced", slot=slot)
            hung = self.workers.unresponsive
            if not announced and all(states.values()):
                announced = True
                log.info("ready", workers=len(states))
            await asyncio.sleep(ASK_EVERY_SECONDS if announced else ASK_EVERY_SECONDS / 10)

    async def _sign_off_the_dead(self, pids: dict[str, int], states: Mapping[str, WorkerState | None]) -> None:
        """A worker that was replaced must not be waited for by whoever kills a feature."""
        for slot, state in states.items():
            if state is None or pids.get(slot) == state.pid:
                continue
            gone, pids[slot] = pids.get(slot), state.pid
            still_there = any(leaving.pid == gone for leaving in self.workers.leaving)
            if gone is not None and not still_there and self.registry is not None:
                with contextlib.suppress(FlagStoreError):
                    await self.registry.remove(f"{self.process.gateway_id}:{slot}:{gone}")

    async def _sample_counters(self) -> None:
        while True:
            await self.traffic.sample()
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)

    async def metrics_text(self) -> bytes:
        """For `/metrics`."""
        states = await self.workers.ask()
        deaths = read_deaths(self.process.run_dir)
        return await self.traffic.exposition(states, self.workers.leaving, self.config.results, deaths)

    # -- life

    async def run(self) -> bool:
        """Serves the admin port until told to stop. False when a part of it failed and a new process is wanted."""
        self.lifeline.install()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._look_at_files)
        loop.add_signal_handler(signal.SIGUSR1, self._drain_announced)
        await self.flags.start()
        self._listener.setblocking(False)
        server = EdgeServer(edge_config(self.admin.guard), AdminFront())
        await server.begin([self._listener])
        self.tasks.start(self._follow_routes(), name="follow-routes")
        self.tasks.start(self._follow_workers(), name="follow-workers")
        self.tasks.start(self._sample_counters(), name="sample-counters")
        Pulse(self.process.pulse_file, places=self.process.places, mine=self.process.place).start()
        healthy = await self.lifeline.until_stopped_or(self.tasks.failed)
        await server.drain(LAST_ANSWERS_SECONDS)
        self._listener.close()
        await server.finish()
        await self.tasks.stop()
        await self.flags.stop()
        await self.workers.close()
        for store in (self.writer, self.registry, self.comparisons):
            if store is not None:
                await store.aclose()
        return healthy

    def _look_at_files(self) -> None:
        """routes.yaml, and the file of the token: secrets are replaced while their readers run."""
        self._look_now.set()
        try:
            token = admin_token(os.environ, self.settings.admin_token_file)
        except (OSError, ValueError) as error:
            log.error("the admin token cannot be read again; the one before counts", fault=str(error))
            return
        if token != self.access.token:
            self.access = self.admin.guard.access = replace(self.access, token=token)
            log.info("the admin token has changed")

    def _drain_announced(self) -> None:
        self.draining = True


def main() -> None:
    """`python -m gateway.control`, started by the supervisor."""
    process = this_process()
    logs.configure(process="control")
    try:
        control = Control(process)
    except (OSError, ValueError) as error:
        log.error("the control process cannot start", fault=str(error))
        sys.exit(1)
    sys.exit(0 if uvloop.run(control.run()) else 1)


if __name__ == "__main__":
    lean.over()
    main()
