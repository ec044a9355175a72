import contextlib
import itertools
import shutil

import pytest

from tests.migration.auth_backends import SIDES, migrate, postgres_programs, running, running_postgres

_numbers = itertools.count()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request, tmp_path_factory):
    """A migrated database; both kinds, as far as this machine has them."""
    if request.param == "sqlite":
        yield migrate(f"sqlite:///{tmp_path_factory.mktemp('db')}/app.db")
        return
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL IS NOT TESTED HERE: initdb and postgres are not installed (Debian: postgresql)")
    with running_postgres(programs) as url:
        yield migrate(url)


@pytest.fixture(scope="session")
def sides(database_url, tmp_path_factory):
    """Both backends on one database: {"legacy": Backend, "new": Backend}."""
    logs = tmp_path_factory.mktemp("logs")
    with contextlib.ExitStack() as stack:
        yield {side: stack.enter_context(running(side, database_url, logs / f"{side}.log")) for side in SIDES}


@pytest.fixture(params=SIDES)
def backend(request, sides):
    """Each side in turn."""
    return sides[request.param]


@pytest.fixture(params=[("legacy", "new"), ("new", "legacy"), ("legacy", "legacy"), ("new", "new")], ids="-".join)
def pair(request, sides):
    """One side and then one: crossing over in both directions, and staying."""
    first, second = request.param
    return sides[first], sides[second]


@pytest.fixture
def email():
    """An address nobody has used yet in this run."""
    return f"user{next(_numbers)}@example.com"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    migrate(f"sqlite:///{folder}/app.db")
    assert [file.name for file in folder.iterdir()] == ["app.db"], "closed: nothing is left in a write-ahead log"
    return folder / "app.db"


@pytest.fixture
def sqlite_url(migrated_file, tmp_path):
    """A migrated database of the test's own."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'app.db')}"
