"""Both sides on each kind of database, started once for each worker of a test run: a start costs a second."""

import contextlib
import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.migration.backends import Backend, migrate, new_database, postgres_programs, running, running_postgres

OTHER = {"legacy": "new", "new": "legacy"}
MAX_UPLOAD_BYTES = 1024 * 1024
"""Lower than by default, so that tests may pass it often."""


@dataclass(frozen=True)
class Installation:
    database_url: str
    storage: Path
    sides: Mapping[str, Backend]

    @property
    def env(self):
        """What one more backend needs in order to stand beside these."""
        return {"STORAGE_DIR": str(self.storage), "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES)}


class Installations:
    """By the kind of their database, "sqlite" or "postgresql"; none shares its database with another."""

    def __init__(self, folder):
        self._folder = folder
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._stack.close()

    @functools.cache  # noqa: B019  # lives as long as the run, and so do the backends
    def both(self, kind):
        """Both sides, as they are."""
        return self._started(kind, legacy={}, new={})

    @functools.cache  # noqa: B019
    def uneven(self, kind, slow):
        """The jobs of one side take two seconds for each step, so they can be met; no other process would take them."""
        return self._started(kind, **{slow: {"AI_STEP_SECONDS": "2"}, OTHER[slow]: {}})

    @functools.cache  # noqa: B019
    def alone(self, kind, side):
        """One side, for a test that brings the other."""
        return self._started(kind, **{side: {}})

    def _started(self, kind, **env_of_sides):
        folder = self._folder / "-".join([kind, *env_of_sides, str(len(list(self._folder.iterdir())))])
        folder.mkdir(parents=True)
        started = Installation(migrate(self._new_database(kind, folder)), folder / "files", sides := {})

        def start(side):
            backend = running(side, started.database_url, folder / f"{side}.log", **started.env, **env_of_sides[side])
            return self._stack.enter_context(backend)

        with ThreadPoolExecutor(2) as threads:
            sides.update(zip(env_of_sides, threads.map(start, env_of_sides), strict=True))
        return started

    def _new_database(self, kind, folder):
        return f"sqlite:///{folder}/app.db" if kind == "sqlite" else new_database(self._postgres_url())

    @functools.cache  # noqa: B019
    def _postgres_url(self):
        programs = postgres_programs()
        if programs is None:
            pytest.skip("PostgreSQL IS NOT TESTED HERE: initdb and postgres are not installed (Debian: postgresql)")
        return self._stack.enter_context(running_postgres(programs))
