"""Keeps one process's knowledge of the flags up to date. Workers and the control process run one each.

Nothing waits for it: requests read `known`, which is whole at any moment, while this listens, reads and reconnects
beside them. What a reading means is `rules.flagstate`'s; what is read, and when, is decided here:

1. connect, start tracking, then read everything (the first reading may be guarded);
2. an invalidation reads the touched features at once, a flush everything. At once: in the callback that has received
   it, and what is read is in force in the callback that has received that, for at full load a task waits for its turn
   behind all requests. Whatever else is to be done is the task's that reads;
3. a PING with a time limit finds a server that is dead or frozen; everything is read again now and then in any case;
4. whatever fails ends the session, and a new one is tried after 50 ms, doubled up to a second.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from gateway.flags.errors import STORE_ERRORS, in_words
from gateway.flags.keys import Keys
from gateway.flags.session import BATCH, Read, Session
from gateway.rules.flagmodel import Configured, Event, EventKind, FeatureReading, Known, Reading
from gateway.rules.flagstate import advance
from gateway.rules.flagvalues import nearest, shown

PING_SECONDS = 1.0
LIMIT_SECONDS = 1.0
REREAD_SECONDS = 10.0
SAVE_AGAIN_SECONDS = 1.0
FIRST_DELAY, LAST_DELAY = 0.05, 1.0

OnChange = Callable[[Known, tuple[Event, ...]], None]


class SnapshotStore(Protocol):
    """Where the last known flags outlive a process. Neither method raises; `save` says whether it is done."""

    def load(self) -> Known | None: ...
    def save(self, known: Known) -> bool: ...


class FlagWatcher:
    """The flags as this process knows them.

    known: None until something was read, from Redis or from the snapshot.
    up: Redis answers now. last_sync: unix time of the last reading. problem: why it does not answer, in words.
    """

    def __init__(
        self,
        *,
        url: str,
        namespace: str,
        features: Mapping[str, Configured],
        on_change: OnChange,
        logger: Any,
        snapshot: SnapshotStore | None = None,
        saves_snapshot: bool = False,
        creates_epoch: bool = False,
        ping_seconds: float = PING_SECONDS,
        limit_seconds: float = LIMIT_SECONDS,
        reread_seconds: float = REREAD_SECONDS,
    ) -> None:
        """features: every configured feature, and what environment and file say of it (`policy.fallbacks`).

        on_change: called in the event loop after each change of `known`; must not block.
        saves_snapshot, creates_epoch: for the control process, so that a machine has one writer.
        Raises ValueError for a URL that is none.
        """
        self._url, self._keys = url, Keys(namespace)
        self._features = dict(features)
        self._on_change, self._log = on_change, logger
        self._snapshot = snapshot
        self._saves, self._creates_epoch = saves_snapshot, creates_epoch
        self._ping_seconds, self._limit, self._reread_seconds = ping_seconds, limit_seconds, reread_seconds
        self.known: Known | None = snapshot.load() if snapshot else None
        self.up = False
        self.last_sync: float | None = None
        self.problem: str | None = "not connected yet"
        self._wake, self._touched, self._all = asyncio.Event(), set[str | None](), False
        self._resting: _Resting | None = None
        self._strangers = set[str]()
        self._unsaved = asyncio.Event()
        self._new_session()  # a bad URL is told at once

    def update_features(self, features: Mapping[str, Configured]) -> None:
        """After routes.yaml changed: reads everything again, for new names and for what falls through."""
        self._features = dict(features)
        self._touch_all()

    async def run(self) -> None:
        """Runs until it is cancelled; to be a task of the process's owner."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_forever(), name="flags-follow")
                tasks.create_task(self._save_forever(), name="flags-snapshot")
        finally:
            self.up = False
            if self._unsaved.is_set():
                self._save()

    async def _follow_forever(self) -> None:
        delay = FIRST_DELAY
        while True:
            session = self._new_session()
            try:
                await session.open()
                await self._follow(session)
            except* STORE_ERRORS as group:
                delay = FIRST_DELAY if self.up else delay
                self._down(_first_error(group))
            except* Exception as group:  # noqa: BLE001 - a fault of ours must not leave the process deaf for good
                self._log.error("flag store: internal error", exc_info=_first_error(group))
                self._down(_first_error(group))
            finally:
                await self._close(session)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)

    def _new_session(self) -> Session:
        return Session(url=self._url, keys=self._keys, limit_seconds=self._limit, hear=self._hear)

    async def _close(self, session: Session) -> None:
        try:
            await session.close()
        except STORE_ERRORS as error:
            self._log.debug("flag store: closing failed", problem=in_words(error))

    def _down(self, error: BaseException) -> None:
        problem = in_words(error)
        if self.up or problem != self.problem:
            self._log.warning("flag store is away; the last known flags stay in force", problem=problem)
        self.up, self.problem = False, problem

    async def _follow(self, session: Session) -> None:
        """One session, until it fails."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(session.until_lost(), name="flags-listen")
            tasks.create_task(self._ping(session), name="flags-ping")
            await self._read_forever(session)

    async def _ping(self, session: Session) -> None:
        while True:
            await asyncio.sleep(self._ping_seconds)
            await session.ping()

    def _hear(self, keys: Sequence[bytes] | None) -> None:
        """By the session: these keys were written, or everything was flushed."""
        if keys is None:
            self._touch_all()
            return
        self._touched.update(self._keys.feature_of(key.decode("utf-8", "backslashreplace")) for key in keys)
        self._read_touched()

    def _read_touched(self) -> None:
        """Reads them now, or sees to it that they are read. One reading at a time: who gets its reply looks again."""
        resting = self._resting
        names = self._touched - {None}
        if resting is None or self._all or len(names) > BATCH or not names <= self._features.keys():
            self._wake.set()
        elif not resting.session.reads:
            self._touched.clear()
            resting.session.read_then(sorted(filter(None, names)), partial(self._take_at_once, resting))

    def _take_at_once(self, resting: "_Resting", read: Read) -> None:
        features, epoch = read
        reading = Reading(epoch=epoch, run_id=resting.run_id, features=features, full=False)
        self._take(reading, connected=True)
        if epoch is None and self._creates_epoch:
            self._wake.set()
        if self._touched:
            self._read_touched()

    def _touch_all(self) -> None:
        self._all = True
        self._wake.set()

    async def _read_forever(self, session: Session) -> None:
        run_id = await session.run_id()
        self._all, first = True, True
        while True:
            full, touched = self._all, sorted(name for name in self._touched if name is not None)
            self._wake.clear()
            self._touched.clear()
            self._all = False
            names = sorted(self._features) if full else [name for name in touched if name in self._features]
            epoch = await self._read(session, names, run_id=run_id, full=full, first=first)
            first = False
            await self._report_strangers(session, [name for name in touched if name not in self._features])
            if epoch is None and self._creates_epoch:
                await self._create_epoch(session)
            self._resting = _Resting(session, run_id)
            try:
                await self._wait_for_work()
            finally:
                self._resting = None

    async def _wait_for_work(self) -> None:
        try:
            async with asyncio.timeout(self._reread_seconds):
                await self._wake.wait()
        except TimeoutError:
            self._all = True

    async def _read(
        self, session: Session, names: Sequence[str], *, run_id: str, full: bool, first: bool
    ) -> str | None:
        """Reads the features and takes what was read; returns the epoch."""
        features: dict[str, FeatureReading] = {}
        epochs = set[str | None]()
        for start in range(0, max(len(names), 1), BATCH):
            part, epoch = await session.read(names[start : start + BATCH])
            features.update(part)
            epochs.add(epoch)
        if len(epochs) > 1:  # the data set was replaced between two batches
            return await self._read(session, names, run_id=run_id, full=full, first=first)
        reading = Reading(epoch=epoch, run_id=run_id, features=features, full=full)
        connected = not first or self.known is None or (self.known.epoch, self.known.run_id) == (epoch, run_id)
        self._take(reading, connected=connected)
        return epoch

    def _take(self, reading: Reading, *, connected: bool) -> None:
        known, events = advance(self.known, reading, connected=connected, fallbacks=self._features)
        changed = known != self.known
        self.known, self.last_sync = known, time.time()
        if not self.up:
            self.up, self.problem = True, None
            self._log.info("flag store is up", run_id=reading.run_id, epoch=reading.epoch)
        if changed or events:
            self._on_change(known, events)
        self._tell(events)
        if changed and self._saves:
            self._unsaved.set()

    def _tell(self, events: tuple[Event, ...]) -> None:
        """Loud is what an operator must act on or know; a server that came back with nothing to hold is neither."""
        quiet = {EventKind.CHANGED, EventKind.SOLVED, EventKind.RELEASED}
        if not any(event.kind is EventKind.HELD for event in events):
            quiet.add(EventKind.OTHER_DATA)
        for event in events:
            tell = self._log.info if event.kind in quiet else self._log.warning
            tell("flag " + event.kind.value, feature=event.feature, detail=event.text)

    async def _report_strangers(self, session: Session, names: Sequence[str]) -> None:
        """Flags that were written for a feature that no route names."""
        self._strangers.difference_update(self._features)
        if not names or self.known is None:
            return
        existing = await session.existing(names)
        self._strangers.difference_update(set(names) - existing)
        events = tuple(
            Event(
                EventKind.PROBLEM, None, f"a flag was written for {shown(name)}, which is no feature{self._hint(name)}"
            )
            for name in sorted(existing - self._strangers)
        )
        self._strangers |= existing
        if events:
            self._tell(events)
            self._on_change(self.known, events)

    def _hint(self, name: str) -> str:
        return nearest(name, self._features) or " in routes.yaml"

    async def _create_epoch(self, session: Session) -> None:
        """A refusal (read-only, full) is told and lived with: flags can be read without it."""
        try:
            await session.create_epoch(secrets.token_hex(8))
        except STORE_ERRORS as error:
            if isinstance(error, TimeoutError | OSError):
                raise
            if self.problem != in_words(error):
                self.problem = in_words(error)
                self._log.warning("flag store takes no writes", problem=self.problem)

    async def _save_forever(self) -> None:
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            if not await asyncio.to_thread(self._save):
                self._unsaved.set()  # the disk may have room again by then
                await asyncio.sleep(SAVE_AGAIN_SECONDS)

    def _save(self) -> bool:
        return self._snapshot is None or self.known is None or self._snapshot.save(self.known)


class _Resting(NamedTuple):
    """A session whose task waits for work, so that what changes may be read without it."""

    session: Session
    run_id: str


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
