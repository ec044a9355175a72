"""The command loads what was typed, and nothing that only other subcommands need."""

import subprocess
import sys

import pytest

from gateway.cli.main import COMMANDS

LOADED = """
import sys
from gateway.cli.main import main
sys.argv = ["gateway", *sys.argv[1:]]
try:
    main()
finally:
    print("loaded:", *(name for name in ("httpx", "redis", "gateway.replay", "gateway.verify") if name in sys.modules))
"""


def run(*words):
    command = [sys.executable, "-c", LOADED, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def loaded(text):
    return text.rpartition("loaded:")[2].split()


@pytest.mark.parametrize("name", ["serve", "check", "schema", "version"])
def test_what_needs_no_running_gateway_loads_nothing_that_speaks_to_one(name):
    status, said, _ = run(name, "--help")
    assert (status, loaded(said)) == (0, [])


def test_each_subcommand_has_its_help_and_all_are_told_of():
    status, said, _ = run("--help")
    assert status == 0
    assert [name for name in [*COMMANDS, "version"] if name not in said] == []


def test_a_word_that_is_mistyped_is_answered_with_the_one_that_was_meant():
    status, _, told = run("sevre")
    assert status == 2
    assert "serve" in told
