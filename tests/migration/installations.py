"""Both sides on each kind of database, started once for each worker of a test run: a start costs a second."""

import contextlib
import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.migration.backends import SIDES, migrate, postgres_programs, running, running_postgres

MAX_UPLOAD_BYTES = 1024 * 1024
"""Lower than by default, so that tests may pass it often."""


def installation_env(storage):
    return {"STORAGE_DIR": str(storage), "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES)}


@dataclass(frozen=True)
class Installation:
    database_url: str
    storage: Path
    sides: dict
    _slow: dict = field(default_factory=dict)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def slow(self, side):
        """One more backend on the same database, whose agents take two seconds for each step: their jobs can be met."""
        if side not in self._slow:
            log = self.storage.parent / f"slow-{side}.log"
            backend = running(side, self.database_url, log, **{**self.env, "AI_STEP_SECONDS": "2"})
            self._slow[side] = self._stack.enter_context(backend)
        return self._slow[side]

    @property
    def env(self):
        """What one more backend needs in order to stand beside these."""
        return installation_env(self.storage)


class Installations:
    """get("sqlite"), get("postgresql"): by their names."""

    def __init__(self, folder):
        self.folder = folder
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.stack.close()

    @functools.cache  # noqa: B019  # lives as long as the run
    def get(self, kind):
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        url, storage = migrate(self._database(kind, folder)), folder / "files"

        def start(side):
            return self.stack.enter_context(running(side, url, folder / f"{side}.log", **installation_env(storage)))

        with ThreadPoolExecutor(len(SIDES)) as threads:
            sides = dict(zip(SIDES, threads.map(start, SIDES), strict=True))
        return Installation(url, storage, sides, _stack=self.stack)

    def _database(self, kind, folder):
        if kind == "sqlite":
            return f"sqlite:///{folder}/app.db"
        programs = postgres_programs()
        if programs is None:
            pytest.skip("PostgreSQL IS NOT TESTED HERE: initdb and postgres are not installed (Debian: postgresql)")
        return self.stack.enter_context(running_postgres(programs))
