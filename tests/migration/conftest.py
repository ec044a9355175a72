import contextlib
import itertools
import shutil

import pytest

from tests.migration.backends import SIDES, migrate, running
from tests.migration.installations import Installations
from tests.migration.people import sign_up

_numbers = itertools.count()


@pytest.fixture(scope="session")
def installations(tmp_path_factory):
    """Both sides on either database. Each starts when it is first asked for, and stays until the end of the run."""
    with Installations(tmp_path_factory.mktemp("installations")) as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request, installations):
    """A migrated database, a folder of files, and both sides on them: on both databases, as far as they are here."""
    return installations.both(request.param)


@pytest.fixture
def database_url(installation):
    return installation.database_url


@pytest.fixture
def sides(installation):
    """Both backends on one database: {"legacy": Backend, "new": Backend}."""
    return installation.sides


@pytest.fixture(params=SIDES)
def backend(request, sides):
    """Each side in turn."""
    return sides[request.param]


@pytest.fixture(params=[("legacy", "new"), ("new", "legacy"), ("legacy", "legacy"), ("new", "new")], ids="-".join)
def pair(request, sides):
    """One side and then one: crossing over in both directions, and staying."""
    first, second = request.param
    return sides[first], sides[second]


@pytest.fixture(params=[("legacy", "new"), ("new", "legacy")], ids="-".join)
def crossing(request, sides):
    """One side and then the other, where staying shows nothing more."""
    first, second = request.param
    return sides[first], sides[second]


@pytest.fixture(params=SIDES)
def side(request):
    """The name of a side, for a test that starts it by itself."""
    return request.param


@pytest.fixture
def email():
    """An address nobody has used yet in this run."""
    return f"user{next(_numbers)}@example.com"


@pytest.fixture
def user(sides, email):
    """Somebody who is signed in, and so on both sides."""
    return sign_up(next(iter(sides.values())), email)


@pytest.fixture
def stranger(sides, email):
    """Somebody else."""
    return sign_up(next(iter(sides.values())), f"stranger.{email}")


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


@pytest.fixture
def start(tmp_path):
    """start(side, database_url, NAME="value") -> Backend: for a test that needs one of its own; stopped at its end."""
    with contextlib.ExitStack() as stack:

        def start_one(side, database_url, **env):
            log = tmp_path / f"{side}-{next(_numbers)}.log"
            return stack.enter_context(running(side, database_url, log, **env))

        yield start_one
