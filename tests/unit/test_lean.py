"""What our processes do without while they import."""

import gc
import subprocess
import sys

import pytest

from gateway import lean

ASKED = """
import os, runpy, sys
from gateway import lean
was = lean.over
def over():
    print("rich.traceback" in sys.modules, os.environ["PYDANTIC_DISABLE_PLUGINS"], flush=True)
    was()
    sys.exit()
lean.over = over
runpy.run_module(sys.argv[1], run_name="__main__")
"""


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "__all__")
    yield
    lean.over()


def test_the_garbage_collector_rests_meanwhile():
    lean.imports_only()
    rested = gc.isenabled()
    lean.over()
    assert (rested, gc.isenabled()) == (False, True)


def test_rich_cannot_be_imported_meanwhile_and_can_afterwards(monkeypatch):
    monkeypatch.delitem(sys.modules, "rich", raising=False)
    lean.without_rich()
    with pytest.raises(ModuleNotFoundError):
        import rich
    lean.over()
    import rich  # noqa: F401


def test_a_rich_that_is_there_already_stays():
    import rich

    lean.without_rich()
    lean.over()
    assert sys.modules["rich"] is rich


SPOKEN = """
import sys
sys.argv = ["gateway", *sys.argv[1:]]
from gateway.cli.main import main
try:
    main()
except SystemExit as end:
    names = ("h2.connection", "pygments", "markdown_it", "gateway.replay.run", "gateway.replay", "redis", "yaml")
    print(end.code, sorted(name for name in names if name in sys.modules))
"""


@pytest.mark.parametrize("command", ["status", "flag list", "compare report"])
def test_a_command_that_asks_the_admin_port_imports_no_more_than_that_takes(command):
    command = [*command.split(), "--admin", "no-address"]
    done = subprocess.run([sys.executable, "-c", SPOKEN, *command], capture_output=True, text=True, check=True)
    assert "no-address did not answer" in done.stderr.replace("\n", " ")
    assert done.stdout in ("1 []\n", "2 []\n")


def test_a_part_of_a_group_is_there_unless_another_command_was_typed():
    def told(*words):
        command = [sys.executable, "-m", "gateway", *words, "--help"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "--from" in told("compare", "run")
    group = told("compare")
    assert " report " in group
    assert " run " in group
    assert "JUnit" in told("compare", "report")


@pytest.mark.parametrize("module", ["gateway.worker", "gateway.control"])
def test_a_process_imports_neither_rich_nor_plugins_of_pydantic(module):
    done = subprocess.run([sys.executable, "-c", ASKED, module], capture_output=True, text=True, check=True)
    assert done.stdout == "False __all__\n"
