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


@pytest.mark.parametrize("module", ["gateway.worker", "gateway.control"])
def test_a_process_imports_neither_rich_nor_plugins_of_pydantic(module):
    done = subprocess.run([sys.executable, "-c", ASKED, module], capture_output=True, text=True, check=True)
    assert done.stdout == "False __all__\n"
