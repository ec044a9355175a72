"""The counter files: the format is prometheus_client's, a reborn worker goes on, damage costs no start."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from gateway.telemetry import counterfile
from gateway.telemetry.counterfile import CounterFile, DamagedFileError, entries, used_bytes


@pytest.fixture(autouse=True)
def _value_class_restored(monkeypatch):
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)


def stored(path):
    return {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path))}


def bump(file, key, by=1.0):
    doubles, index = file.cell(key)
    doubles[index] += by


@pytest.mark.parametrize("length", range(1, 20))
def test_prometheus_client_reads_what_we_write_whatever_the_key_s_length(tmp_path, length):
    path = tmp_path / "counter_w0.db"
    file = CounterFile(path)
    bump(file, "k" * length, 2.5)
    bump(file, "ü" * length, 3.0)
    assert stored(path) == {"k" * length: 2.5, "ü" * length: 3.0}


def test_we_read_what_prometheus_client_writes(tmp_path):
    path = tmp_path / "counter_1.db"
    theirs = MmapedDict(str(path))
    for number in range(40):
        theirs.write_value("k" * number + "x", float(number), 0.0)
    theirs.close()
    data = path.read_bytes()
    assert [key for key, _ in entries(data, 8, used_bytes(data))] == ["k" * number + "x" for number in range(40)]


def test_a_file_grows_and_values_that_were_handed_out_before_stay_right(tmp_path):
    path = tmp_path / "histogram_w0.db"
    file = CounterFile(path)
    early = file.cell("early")
    for number in range(3000):
        bump(file, f"{number:0100d}")
    early[0][early[1]] += 7.0
    written = stored(path)
    assert written["early"] == 7.0
    assert len(written) == 3001
    assert path.stat().st_size > 1 << 16


def test_a_reborn_worker_goes_on_with_its_predecessor_s_counts(tmp_path):
    path = tmp_path / "counter_w0.db"
    bump(CounterFile(path), "requests", 41.0)
    bump(CounterFile(path), "requests")
    assert stored(path) == {"requests": 42.0}


@pytest.mark.parametrize(
    "damage",
    [b"", b"\x01", b"\xff" * 64, b"\x00\x10\x00\x00" + bytes(60), b"\x40\x00\x00\x00\x00\x00\x00\x00" + b"\xff" * 80],
    ids=["empty", "cut in the header", "negative length", "end missing", "entry of impossible length"],
)
def test_a_damaged_file_does_not_keep_a_worker_from_starting(tmp_path, damage):
    path = tmp_path / "counter_w0.db"
    path.write_bytes(damage)
    bump(CounterFile(path), "requests")
    assert stored(path) == {"requests": 1.0}


def test_every_way_in_which_entries_can_be_cut_is_told_as_damage(tmp_path):
    path = tmp_path / "counter_w0.db"
    file = CounterFile(path)
    bump(file, "one")
    bump(file, "two")
    data = path.read_bytes()
    used = used_bytes(data)
    for end in range(16, used, 8):
        if end == 8 + (used - 8) // 2:
            continue  # the end of the first entry: a file with one
        with pytest.raises(DamagedFileError):
            list(entries(data, 8, end))


def test_two_living_processes_of_one_slot_never_share_a_file(tmp_path):
    hold = (
        "import sys; from pathlib import Path; from gateway.telemetry.counterfile import claim_identity;"
        f"print(claim_identity(Path({str(tmp_path)!r}), 'w0'), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "w0\n"
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout.readline() == "w0-1\n"
            second.stdin.close()
        first.kill()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as heir:
        assert heir.stdout.readline() == "w0\n"
        heir.stdin.close()


def test_without_a_slot_values_live_in_memory(monkeypatch, tmp_path):
    monkeypatch.delenv(counterfile.SLOT_VARIABLE, raising=False)
    monkeypatch.setenv(counterfile.DIRECTORY_VARIABLE, str(tmp_path))
    assert counterfile.use_slot_files() is None
    assert list(tmp_path.iterdir()) == []


def test_with_a_slot_files_bear_its_name(monkeypatch, tmp_path):
    directory = tmp_path / "metrics"
    monkeypatch.setenv(counterfile.SLOT_VARIABLE, "w3")
    monkeypatch.setenv(counterfile.DIRECTORY_VARIABLE, str(directory))
    assert counterfile.use_slot_files() == "w3"
    values.ValueClass("counter", "a", "a_total", (), (), "help").inc(2.0)
    assert [path.name for path in Path(directory).glob("*.db")] == ["counter_w3.db"]


@pytest.mark.skipif(sys.platform != "linux", reason="room is reserved on Linux alone")
def test_a_file_that_had_no_room_at_first_is_never_half_written_later(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "counter_w0.db"
    with monkeypatch.context() as while_full:
        while_full.setattr(os, "posix_fallocate", full)
        file = CounterFile(path)
        bump(file, "before")
    for number in range(2000):  # more than it was opened with
        bump(file, f"{number:080}")
    assert file.cell("before")[0][file.cell("before")[1]] == 1.0
    assert file.cell(f"{1999:080}")[0][0] == 1.0
    assert stored(path) == {}
