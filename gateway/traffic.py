"""What all workers of this machine counted, for `/metrics` and for the last five minutes of `gateway status`.

The counters are read from the workers' files, in a thread: at 500 features that takes a good part of a second.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.deaths import Deaths
from gateway.report import WorkerState
from gateway.telemetry.live import HeldFlag, HeldUpstream, LiveCollector, WorkerReport
from gateway.telemetry.scrape import CounterFiles
from gateway.telemetry.window import CohortView, Window, WindowView


class Traffic:
    """One per control process."""

    def __init__(self, metrics_dir: Path) -> None:
        self._files = CounterFiles(metrics_dir)
        self._live = LiveCollector(__version__)
        self._window = Window()
        self._view = WindowView(0.0, {})
        self._sampling = asyncio.Lock()

    async def sample(self) -> None:
        """Every few seconds, and before the window is shown."""
        async with self._sampling:
            self._view = await asyncio.to_thread(self._sample)

    def _sample(self) -> WindowView:
        self._window.feed(time.monotonic(), self._files.totals())
        return self._window.view()

    async def exposition(
        self,
        states: Mapping[str, WorkerState | None],
        leaving: Iterable[WorkerState],
        edits: Mapping[str, int],
        deaths: Mapping[str, Deaths],
    ) -> bytes:
        """The text for Prometheus: counters from the files, gauges from what live workers hold. leaving: those that
        only finish what they have; of them, what is in flight.
        """
        counters, damaged = await asyncio.to_thread(self._files.text)
        reports = [_report(slot, state) for slot, state in states.items()]
        self._live.update(
            reports,
            leaving=[_in_flight(state) for state in leaving],
            reloads=edits,
            deaths={slot: (died.times - died.hung, died.hung) for slot, died in deaths.items()},
            damaged_files=len(damaged),
        )
        return counters + self._live.text()

    @property
    def seconds(self) -> float:
        """How long the window really is: five minutes, or less after a start."""
        return self._view.seconds

    def recent(self, feature: str) -> dict[str, Any]:
        """One feature's window by side, as JSON values; durations in seconds to the first byte."""
        view = self._view.features.get(feature)
        if view is None:
            return {"sides": {}, "p95_ratio": None, "p95_ratio_all": None}
        return {
            "sides": {
                side: {"requests": shown.requests, "split": _cohort(shown.split), "all": _cohort(shown.all)}
                for side, shown in view.sides.items()
            },
            "p95_ratio": view.p95_ratio,
            "p95_ratio_all": view.p95_ratio_all,
        }


def _cohort(view: CohortView) -> dict[str, Any]:
    return {**asdict(view), "error_rate": view.error_rate}


def _in_flight(state: WorkerState) -> dict[tuple[str, str], int]:
    return {(feature, side): number for feature, sides in state.in_flight.items() for side, number in sides.items()}


def _report(slot: str, state: WorkerState | None) -> WorkerReport:
    if state is None:
        return WorkerReport(slot=slot, pid=0, up=False)
    return WorkerReport(
        slot=slot,
        pid=state.pid,
        up=True,
        tasks=state.tasks,
        in_flight=_in_flight(state),
        flag_store_up=state.store.up if state.store.configured else None,
        flag_last_sync=state.store.last_sync,
        features={
            name: HeldFlag(
                feature.basis_points,
                enabled=not (feature.killed or feature.unknown),
                shadow=feature.shadow_basis_points,
            )
            for name, feature in state.features.items()
        },
        upstreams={
            name: HeldUpstream(
                breaker_open=upstream.breaker in ("open", "half_open"),
                queued=upstream.queued,
                targets={
                    url: standing in ("serving", "returning")
                    for url, standing in zip(upstream.targets, upstream.states, strict=False)
                },
            )
            for name, upstream in state.upstreams.items()
        },
        certificates={each.file: each.not_after for each in state.certificates if each.not_after is not None},
    )
