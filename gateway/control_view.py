"""What the admin port sees of the control process: a Protocol, so that `admin` stands below `control`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.compare.reader import CompareReader
from gateway.config.faults import Fault
from gateway.flags.registry import WorkerRegistry
from gateway.flags.writer import FlagWriter
from gateway.follower import FlagFollower
from gateway.report import WorkerState
from gateway.rolling import RollState
from gateway.rules.access import Access
from gateway.rules.plan import Plan
from gateway.settings import Process, Settings
from gateway.traffic import Traffic
from gateway.workers import Workers


@dataclass(slots=True)
class ConfigState:
    """What became of routes.yaml since this process started; shown by `gateway status`.

    problem: the accepted copy cannot be written. missing: routes.yaml cannot be read.
    """

    accepted_sha256: str
    accepted_at: float
    last_edit_at: float | None = None
    faults: tuple[Fault, ...] = ()
    problem: str | None = None
    missing: str | None = None
    warnings: tuple[Fault, ...] = ()
    results: dict[str, int] = field(default_factory=lambda: {"accepted": 0, "refused": 0, "failed": 0})

    @property
    def file_in_force(self) -> bool:
        """Whether the gateway runs what stands in the file now."""
        return not self.faults and self.problem is None and self.missing is None


class ControlView(Protocol):
    """`Control`, for those whom it serves."""

    plan: Plan
    process: Process
    settings: Settings
    access: Access
    config: ConfigState
    flags: FlagFollower
    writer: FlagWriter | None
    registry: WorkerRegistry | None
    comparisons: CompareReader | None
    workers: Workers
    traffic: Traffic
    draining: bool

    async def reload(self) -> Mapping[str, WorkerState | None]:
        """Looks at routes.yaml now; what the workers hold then."""
        ...

    async def roll_workers(self) -> RollState | None:
        """Has the workers replaced. None when that does not begin; raises RollingError while it goes on."""
        ...

    async def metrics_text(self) -> bytes:
        """The exposition of all workers together, with what the control process adds."""
        ...
