"""Mapped files on a disk without room: a store into a page that the disk cannot hold ends a process by SIGBUS."""

import subprocess
import sys
import textwrap

import pytest

from tests.support.small_disk import may_mount, on_small_disk

pytestmark = pytest.mark.skipif(not may_mount(), reason="users may have no file systems of their own here")

FILL = """
import sys
from pathlib import Path
here = Path(sys.argv[1])
def fill():
    with (here / "filler").open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
"""


def on_a_full_disk(tmp_path, program):
    """What a program printed that can `fill()` its disk of 256 KiB."""
    argv = [*on_small_disk(tmp_path, 256 * 1024), sys.executable, "-c", FILL + textwrap.dedent(program), str(tmp_path)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode == 0, f"{ran.returncode}: {ran.stdout} {ran.stderr}"
    return ran.stdout


COUNT = """
    from gateway.telemetry.counterfile import CounterFile, entries, used_bytes
    def bump(key):
        doubles, index = file.cell(key)
        doubles[index] += 1
        return doubles[index]
    def on_disk():
        data = (here / "counter_w0.db").read_bytes()
        return len(list(entries(data, 8, used_bytes(data)))) if data else 0
"""


def test_counters_that_were_begun_before_go_on_and_new_ones_are_counted_unseen(tmp_path):
    printed = on_a_full_disk(
        tmp_path,
        COUNT
        + """
    file = CounterFile(here / "counter_w0.db")
    bump("before")
    fill()
    for number in range(2000):
        bump(f"{number:0100d}")
    print(bump("before"), bump(f"{1999:0100d}"), on_disk() < 1000)
    """,
    )
    assert printed.count("no room for counters") == 1, "told once"
    assert printed.splitlines()[-1] == "2.0 2.0 True"


def test_once_there_is_room_new_counters_are_seen_again(tmp_path):
    printed = on_a_full_disk(
        tmp_path,
        COUNT
        + """
    file = CounterFile(here / "counter_w0.db")
    fill()
    for number in range(1000):
        bump(f"{number:0100d}")
    before = on_disk()
    (here / "filler").unlink()
    bump("after")
    print(on_disk() - before)
    """,
    )
    assert printed.splitlines()[-1] == "1"


def test_a_worker_that_is_born_on_a_full_disk_counts_unseen(tmp_path):
    printed = on_a_full_disk(
        tmp_path,
        COUNT
        + """
    fill()
    file = CounterFile(here / "counter_w0.db")
    for number in range(2000):
        bump(f"{number:0100d}")
    print(bump(f"{5:0100d}"), (here / "counter_w0.db").stat().st_blocks)
    """,
    )
    assert printed.splitlines()[-1] == "2.0 0"


def test_the_board_of_connections_says_that_there_is_no_room(tmp_path):
    printed = on_a_full_disk(
        tmp_path,
        """
    from gateway.accept import ConnectionBoard
    fill()
    try:
        ConnectionBoard(here / "connections", places=5, mine=0)
    except OSError as error:
        print(error.strerror)
    """,
    )
    assert printed.strip() == "No space left on device"
