"""What a worker says of itself to the control process, as JSON over its inner socket."""

from pydantic import BaseModel, ConfigDict


class FeatureState(BaseModel):
    """What a worker holds of one feature: what it decides by, not what Redis says it should."""

    model_config = ConfigDict(frozen=True)

    basis_points: int
    percent_source: str
    killed: bool
    kill_sources: tuple[str, ...]
    unknown: bool
    hidden: tuple[tuple[str, int], ...]
    held: str | None
    problems: tuple[str, ...]
    rev: int
    allow: int
    deny: int
    shadow_basis_points: int = 0
    shadow_source: str = "file"
    stage: str = ""

    @property
    def share(self) -> int:
        """What of the split really goes to new, in basis points."""
        return 0 if self.killed or self.unknown else self.basis_points


class StoreState(BaseModel):
    """How a process stands with Redis. last_sync: unix time of the last complete reading. snapshot: what is wrong with
    the file of the last known flags, as the process that writes it found.
    """

    model_config = ConfigDict(frozen=True)

    configured: bool
    up: bool = False
    last_sync: float | None = None
    problem: str | None = None
    snapshot: str | None = None


class UpstreamState(BaseModel):
    """One upstream as one worker has it. breaker: `closed`, `open`, `half_open`, or `off`.

    states: of each target: `serving`, `returning`, `ejected` or `unhealthy`. problems: what its last health check
    found, or why it took no connection. verified: false where whoever answers is believed. tls_problem: what is wrong
    with its certificate files.
    """

    model_config = ConfigDict(frozen=True)

    targets: tuple[str, ...]
    in_flight: int
    idle: int
    breaker: str = "closed"
    queued: int = 0
    states: tuple[str, ...] = ()
    problems: tuple[str | None, ...] = ()
    websockets: int = 0
    verified: bool = True
    tls_problem: str | None = None


class CertificateState(BaseModel):
    """One certificate for clients. names, not_before, not_after: of what is in force, unix times; none where nothing
    is. problem: what is wrong with its files as they are now.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    names: tuple[str, ...] = ()
    not_before: float | None = None
    not_after: float | None = None
    problem: str | None = None


class WorkerState(BaseModel):
    """One worker, now. tasks: asyncio's, all of them; a few at rest, and one for each request in flight."""

    model_config = ConfigDict(frozen=True)

    slot: str
    pid: int
    version: str
    started: float
    draining: bool
    tasks: int = 0
    config_sha256: str
    store: StoreState
    features: dict[str, FeatureState]
    in_flight: dict[str, dict[str, int]]
    falling_back: dict[str, int] = {}
    upstreams: dict[str, UpstreamState]
    certificates: tuple[CertificateState, ...] = ()
