"""A worker process: the composition root of the data plane.

It loads the accepted copy of routes.yaml, follows the flags, serves clients on the shared socket, and tells the control
process over a private socket what it holds. It drains on SIGTERM, and when its supervisor dies.
"""

if __name__ == "__main__":
    from gateway import lean

    lean.imports_only()
    lean.without_rich()

import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping

import structlog
import uvloop

from gateway import COMPILED, __version__
from gateway.accept import ConnectionBoard
from gateway.certificates import Certificates, without_bad_names
from gateway.edge.server import EdgeServer, edge_config
from gateway.flags.registry import HeldFlag, WorkerRegistry
from gateway.flags.stored import FlagStoreError
from gateway.follower import FlagFollower
from gateway.inner import InnerServer, Question
from gateway.lifeline import Lifeline
from gateway.proxy import Proxy
from gateway.pulse import Pulse
from gateway.recorder import Recorder
from gateway.reload import LOOK_SECONDS, FilesWatch, FileWatch, read_accepted
from gateway.report import UpstreamState, WorkerState
from gateway.rules.explain import explain
from gateway.rules.plan import Plan, compile_plan
from gateway.rules.policy import FeaturePolicy
from gateway.settings import OVERRIDE_KEY, Process, override_key, this_process
from gateway.shadow.clients import ShadowClients
from gateway.shadow.ledger import Ledger
from gateway.shadow.shadows import Shadows
from gateway.shadow_speech import ShadowSpeech
from gateway.tasks import Tasks
from gateway.telemetry import counterfile, logs
from gateway.telemetry.metrics import RequestMetrics
from gateway.telemetry.shadow_metrics import ShadowMetrics
from gateway.upstream.api import UpstreamClient, UpstreamGuard
from gateway.upstream.registry import Upstreams
from gateway.upstream.tls import Loaded, files_in, load_all

SIGN_OFF_SECONDS = 0.5
FIRST_READ_SECONDS = 1.0
COLLECTED_AFTER = 20_000
"""Objects: how many more must have been made than freed before the garbage collector looks for cycles."""
"""How long a starting worker waits for the flags before it serves by the snapshot."""

log = structlog.get_logger("worker")


class Worker:
    """What this process holds. `Proxy` reads `plan`, `policies` and `clients` afresh for each request."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.settings = process.settings
        self.tasks = Tasks()
        self.started = time.time()
        self.upstreams = Upstreams()
        self.shadow_clients = ShadowClients()
        self.metrics = RequestMetrics()
        self.certificates = Certificates(
            self.settings.routes.parent, lambda accepted: self.metrics.certificate_reload(accepted=accepted)
        )
        self._watch = FileWatch(self.settings.accepted_file, whole=True)
        self._files = FilesWatch()
        self.plan = self._first_plan()
        self.flags = FlagFollower(
            process=process, routes=self.plan.routes, on_policies=self._policies_changed, tasks=self.tasks
        )
        url = self.settings.redis_url
        self.identity = f"{process.gateway_id}:{process.slot}:{os.getpid()}"
        self.registry = (
            WorkerRegistry(url=url, namespace=self.settings.namespace, worker=self.identity) if url else None
        )
        self.ledger = Ledger(url=url, namespace=self.settings.namespace, keep_seconds=self.plan.shadow.keep_seconds)
        self.shadows = Shadows(self, self.shadow_clients, ShadowSpeech(), self.ledger, ShadowMetrics(self.metrics))
        self.proxy = Proxy(self, Recorder(self.metrics), override_key=override_key(os.environ), shadows=self.shadows)
        self.server = EdgeServer(edge_config(self.proxy), self.proxy.reception)
        self.lifeline = Lifeline(process.lifeline_fd)
        self._look_now = asyncio.Event()

    @property
    def policies(self) -> Mapping[str, FeaturePolicy]:
        """What applies to each feature now."""
        return self.flags.policies

    @property
    def clients(self) -> Mapping[str, UpstreamClient]:
        """The upstream clients of the plan in force."""
        return self.upstreams.clients

    @property
    def guards(self) -> Mapping[str, UpstreamGuard]:
        """What stands before each of them."""
        return self.upstreams.guards

    # -- routes.yaml

    def _first_plan(self) -> Plan:
        self._watch.take()
        accepted = read_accepted(self.settings.accepted_file)
        if accepted is None:
            raise ValueError(f"{self.settings.accepted_file} is missing; the supervisor writes it at start")
        plan = compile_plan(accepted.routes, accepted.sha256)
        self._files.follow(files_in(accepted.routes.upstreams))
        self._use_upstreams(plan, load_all(accepted.routes.upstreams, {}))
        if self.settings.speaks_tls:
            self.certificates.apply(accepted.routes.tls)
        return plan

    async def _follow_routes(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._watch.look() is not None:
                await self._reload()
            if self._files.look():
                await self._renew_files()

    async def _reload(self) -> None:
        """Compiles the new plan beside the requests, then swaps it whole. A damaged copy changes nothing."""
        try:
            accepted = await asyncio.to_thread(read_accepted, self.settings.accepted_file)
            plan = await asyncio.to_thread(compile_plan, accepted.routes, accepted.sha256) if accepted else None
        except (OSError, ValueError) as error:
            log.error("the accepted copy of routes.yaml cannot be used; nothing changes", fault=str(error))
            return
        if plan is None or plan.sha256 == self.plan.sha256:
            return
        self._files.follow(files_in(plan.routes.upstreams))
        secured = await asyncio.to_thread(load_all, plan.routes.upstreams, self.upstreams.secured.tls)
        retired = self._use_upstreams(plan, secured)
        self.plan = plan
        self.ledger.keep_seconds = plan.shadow.keep_seconds
        if self.settings.speaks_tls:
            self.certificates.apply(plan.routes.tls)
        self.upstreams.run_checks(self.tasks)
        self.flags.routes_changed(plan.routes)
        log.info("routes.yaml in force", config_sha256=plan.sha256[:12])
        for client in retired:
            self.tasks.start(client.aclose(), name="retire-upstream")

    async def _renew_files(self) -> None:
        """Certificates were renewed: new connections use them. What cannot be used changes nothing."""
        specs = self.plan.routes.upstreams
        before = self.upstreams.secured.tls
        secured = await asyncio.to_thread(load_all, specs, before)
        changed = [name for name, tls in secured.tls.items() if before.get(name) is not tls]
        retired = self._use_upstreams(self.plan, secured)
        self.upstreams.run_checks(self.tasks)
        if changed:
            log.info("certificate files in force", upstreams=changed)
        for client in retired:
            self.tasks.start(client.aclose(), name="retire-upstream")

    def _use_upstreams(self, plan: Plan, secured: Loaded) -> list[UpstreamClient]:
        """What is retired by it."""
        specs = plan.routes.upstreams
        for name, problem in secured.problems.items():
            now = "nothing is sent to it" if secured.tls[name].problem else "what was read before stays in force"
            log.error(f"certificate files of an upstream cannot be used; {now}", upstream=name, problem=problem)
        retired = self.upstreams.apply(specs, secured)
        return retired + self.shadow_clients.apply(specs, plan.shadow, secured)

    async def _follow_certificates(self) -> None:
        """SIGHUP asks for a look at once, whether or not a file has changed."""
        while True:
            try:
                await asyncio.wait_for(self._look_now.wait(), LOOK_SECONDS)
                self._look_now.clear()
                self.certificates.look(asked=True)
            except TimeoutError:
                self.certificates.look()
            self.server.accept_secure()

    # -- flags

    def _policies_changed(self, killed: frozenset[str]) -> None:
        """Called in the loop, right after the policies were swapped. A kill ends new's WebSockets, and for its streams
        the grace begins.
        """
        self._tell_other_machines()
        if killed:
            self.proxy.ask_queues_again()
        loop = asyncio.get_running_loop()
        for feature in killed:
            self.proxy.websockets.kill(feature)
            self.shadows.kill(feature)
            loop.call_later(self.plan.routes.kill_grace_seconds, self._cut_if_still_killed, feature)

    def _tell_other_machines(self) -> None:
        if self.registry is not None:
            held = {
                name: HeldFlag(policy.killed, policy.basis_points, 0 if policy.held else policy.rev)
                for name, policy in self.policies.items()
            }
            self.registry.report(features=held, config_sha=self.plan.sha256)

    def _cut_if_still_killed(self, feature: str) -> None:
        policy = self.policies.get(feature)
        if policy is None or policy.killed:
            self.proxy.streams.cut(feature)

    # -- what the control process asks

    def state(self) -> WorkerState:
        """For `inner`."""
        in_flight: dict[str, dict[str, int]] = {}
        for (feature, side), number in self.metrics.in_flight.items():
            in_flight.setdefault(feature, {})[side.value] = number
        return WorkerState(
            slot=self.process.slot,
            pid=os.getpid(),
            version=__version__,
            started=self.started,
            draining=self.lifeline.stopping,
            tasks=len(asyncio.all_tasks()),
            config_sha256=self.plan.sha256,
            store=self.flags.store_state(),
            features=self.flags.feature_states(),
            in_flight=in_flight,
            falling_back={name: number for name, number in self.proxy.falling_back.items() if number},
            upstreams={
                name: UpstreamState(
                    targets=client.targets,
                    in_flight=client.in_flight,
                    idle=client.idle,
                    breaker=self.upstreams.guards[name].breaker_state,
                    queued=self.upstreams.guards[name].queued,
                    states=client.states(),
                    problems=client.problems(),
                    websockets=client.lines.open,
                    verified=not self.plan.routes.upstreams[name].tls.insecure_skip_verify,
                    tls_problem=self.upstreams.secured.problems.get(name),
                )
                for name, client in self.clients.items()
            },
            certificates=self.certificates.states(),
        )

    def explain(self, question: Question) -> dict[str, object]:
        """For `inner`: with what this worker holds now, and by the functions that serve requests."""
        return explain(
            self.plan,
            self.policies,
            method=question.method,
            url=question.url,
            headers=question.headers,
            client_ip=question.client_ip,
            down={name: why for name, guard in self.guards.items() if (why := guard.why_down()) is not None},
            override_key=self.proxy.override_key,
            now=time.time(),
        )

    # -- life

    async def run(self) -> bool:
        """Serves until told to stop, then drains; nothing is left then. False when a part of it failed and a new
        process is wanted.
        """
        self.lifeline.install()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._look_now.set)
        await self.flags.start(first_read_seconds=FIRST_READ_SECONDS)
        inner = InnerServer(self, self.process.socket_path(self.process.slot, self.process.turn))
        await inner.start()
        collect_garbage_rarely()
        listeners = await self._begin()
        self.tasks.start(self._follow_routes(), name="follow-routes")
        self.tasks.start(self.ledger.run(), name="write-comparisons")
        if self.settings.speaks_tls:
            self.tasks.start(self._follow_certificates(), name="follow-certificates")
        self.upstreams.run_checks(self.tasks)
        if self.registry is not None:
            self._tell_other_machines()
            self.tasks.start(self.registry.run(), name="tell-other-machines")
        if self.proxy.override_key is None and any(feature.override for feature in self.plan.features.values()):
            log.warning("testers' tokens are ignored: there is no key", variable=OVERRIDE_KEY)
        Pulse(self.process.pulse_file, places=self.process.places, mine=self.process.place).start()
        log.info("serving", config_sha256=self.plan.sha256[:12], compiled=COMPILED)
        healthy = await self.lifeline.until_stopped_or(self.tasks.failed)
        self.lifeline.hurry |= not healthy  # the others go on accepting: no balancer needs to know
        await self._drain(listeners)
        await self.shadows.stop()
        await self.ledger.aclose()
        await self.flags.stop()
        await inner.stop()
        await self.tasks.stop()
        await self._sign_off()
        for client in self.clients.values():
            await client.aclose()
        await self.shadow_clients.aclose()
        if self.lifeline.orphaned:
            self._clear_run_dir()
        return healthy

    async def _begin(self) -> list[socket.socket]:
        """Accepts on the sockets of all workers: a worker without any certificate leaves those of TLS to the others."""
        listeners = [socket.socket(fileno=descriptor) for descriptor in self.process.client_fds]
        for listener in listeners:
            listener.setblocking(False)
        plain, secure = (
            [listener for listener, asked in zip(listeners, self.settings.addresses, strict=True) if asked.tls is tls]
            for tls in (False, True)
        )
        await self.server.begin(plain, self._board(), secure=secure, context=self.certificates.context)
        return listeners

    def _clear_run_dir(self) -> None:
        """What a killed supervisor cannot remove any more; the last worker's socket is gone when it comes here."""
        if not any(self.process.run_dir.glob("*.sock")):
            shutil.rmtree(self.process.run_dir, ignore_errors=True)

    async def _sign_off(self) -> None:
        """A worker that ends in good order is not waited for; one that cannot say so is forgotten after a while."""
        if self.registry is None:
            return
        try:
            await asyncio.wait_for(self.registry.remove(self.identity), SIGN_OFF_SECONDS)
        except (FlagStoreError, TimeoutError):
            log.debug("could not sign off in Redis")
        await self.registry.aclose()

    def _board(self) -> ConnectionBoard | None:
        """Alone on the socket, a worker has nobody to leave connections to."""
        process = self.process
        if self.settings.workers == 1:
            return None
        try:
            return ConnectionBoard(process.board_file, places=process.places, mine=process.place)
        except OSError as error:
            log.warning("connections are not shared out among workers", problem=error.strerror)
            return None

    async def _drain(self, listeners: list[socket.socket]) -> None:
        """listeners: our share of the sockets is given up as soon as we accept no more; when the last one does so,
        clients are refused rather than left in a queue that nobody empties.
        """
        routes = self.plan.routes
        delay = 0.0 if self.lifeline.hurry else routes.drain_delay_seconds
        if self.lifeline.accepts_no_more:
            self.server.stop_accepting()
            _close(listeners)
        log.info("draining", delay_seconds=delay, timeout_seconds=routes.drain_timeout_seconds)
        self.server.announce_drain()
        await self.lifeline.sleep(delay)
        cut = 0
        if not self.lifeline.at_once.is_set():
            drain = self.tasks.start(self.server.drain(routes.drain_timeout_seconds), name="drain")
            await asyncio.sleep(0)  # it closes its server first
            _close(listeners)
            await self.lifeline.first_of(drain)
            cut = drain.result() if drain.done() and not drain.cancelled() else self.server.cut()
        else:
            cut = self.server.cut()
        _close(listeners)
        await self.server.finish()
        log.info("stopped", requests_cut=cut)


def collect_garbage_rarely() -> None:
    """What a worker has when it begins to serve stays to its end, and a full collection need not walk through it: 12 ms
    in which nobody is served. A request leaves no cycles behind, so the collector need not look each time that a few
    hundred objects more have been made than freed; the little that is left to it (errors with their tracebacks) is
    cleared some thousands at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTED_AFTER, 10, 10)


def _close(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.close()


def main() -> None:
    """`python -m gateway.worker`, started by the supervisor."""
    process = this_process()
    logs.configure(process="worker", slot=process.slot)
    counterfile.use_slot_files()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.unraisablehook = without_bad_names(sys.unraisablehook)
    try:
        worker = Worker(process)
    except (OSError, ValueError) as error:
        log.error("the worker cannot start", fault=str(error))
        sys.exit(1)
    sys.exit(0 if uvloop.run(worker.run()) else 1)


if __name__ == "__main__":
    lean.over()
    main()
