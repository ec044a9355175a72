"""CPU of process trees, by the operating system: children and threads are counted, and nobody else."""

import os
import subprocess
import sys
import time

import pytest

from bench.processes import SUPPORTED, Account, Ticks, alive, below, pss_kib, role, rss_kib, tree

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="the accounting that is read is Linux's")

FAMILY = """
import subprocess, sys, threading, time

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

if sys.argv[1] == "child":
    print("up", flush=True)
    sys.stdin.readline()
    burn(0.1)
    print("done", flush=True)
else:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    print("up", flush=True)
    sys.stdin.readline()
    thread = threading.Thread(target=burn, args=(0.1,))
    thread.start()
    thread.join()
    child.stdin.write(b"\\n")
    child.stdin.flush()
    child.stdout.readline()
    print("done", flush=True)
    sys.stdin.readline()
    child.stdin.close()
    child.wait()
    print("alone", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def family(tmp_path):
    """A parent whose thread, and whose child, do a tenth of a second of work when they are told to."""
    program = tmp_path / "family.py"
    program.write_text(FAMILY)
    parent = subprocess.Popen(
        [sys.executable, str(program), "parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert parent.stdout.readline() == b"up\n"
    yield parent
    parent.stdin.close()
    parent.stdout.close()
    parent.wait(10)


def go_on(parent):
    parent.stdin.write(b"\n")
    return parent.stdout.readline()


def test_a_tree_has_children_of_children_and_nobody_else():
    parent_of = {10: 1, 11: 10, 12: 11, 13: 10, 20: 1, 21: 20}
    assert sorted(below(10, parent_of)) == [10, 11, 12, 13]
    assert below(12, parent_of) == [12]


def test_the_work_of_a_child_and_of_a_thread_that_has_ended_is_counted(family):
    account = Account(family.pid)
    began = time.monotonic()
    assert go_on(family) == b"done\n"
    spent, passed = account.close(), time.monotonic() - began
    assert len(spent) == 2
    assert spent[family.pid] >= 0.1
    assert 0.2 <= sum(spent.values()) <= passed + 0.1


def test_a_process_that_ends_while_it_is_measured_is_told(family):
    go_on(family)
    account = Account(family.pid)
    assert go_on(family) == b"alone\n"
    with pytest.raises(LookupError, match="ended while they were measured"):
        account.close()


def test_memory_and_roles_are_known(family):
    assert rss_kib(family.pid) > 1000
    assert pss_kib(tree(family.pid)) > 1000
    assert role(family.pid).startswith("python")
    assert alive(os.getpid())


def test_the_share_of_all_cores_in_use_is_between_none_and_all():
    ticks, end = Ticks.read(), time.thread_time() + 0.1
    while time.thread_time() < end:
        pass
    assert 0 < ticks.share_in_use() <= 1
