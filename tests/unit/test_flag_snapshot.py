"""The snapshot file: what is saved comes back, and nothing that is wrong with it breaks anything."""

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flags.snapshot import SnapshotFile, decode, encode
from gateway.model import BasisPoints
from gateway.rules.flagmodel import WRONG_TYPE, Configured, FeatureReading, Known, Reading
from gateway.rules.flagstate import advance


def _known(*readings: FeatureReading) -> Known:
    known = None
    for number, reading in enumerate(readings):
        whole = Reading(f"e{number}", f"r{number}", {"auth": reading}, full=True)
        known, _ = advance(known, whole, connected=False, fallbacks={"auth": Configured(BasisPoints(0))})
    assert known is not None
    return known


HELD = _known(
    FeatureReading({b"percent": b"5", b"rev": b"3", b"\xff": b"\xfe"}, frozenset({b"a", b"\xff"}), frozenset({b"b"})),
    FeatureReading({b"percent": b"90"}, WRONG_TYPE, frozenset()),
)


def test_what_is_saved_comes_back(tmp_path: Path):
    file = SnapshotFile(tmp_path / "state" / "flags.json")
    file.save(HELD)
    assert file.load() == HELD
    assert [path.name for path in file.path.parent.iterdir()] == ["flags.json"]
    assert file.problem is None


BYTES = st.one_of(st.binary(max_size=6), st.sampled_from([b"5", b"90"]))
FIELDS = st.sampled_from([b"percent", b"enabled", b"shadow_percent", b"rev", b"x"])
READINGS = st.builds(
    FeatureReading,
    st.one_of(
        st.dictionaries(st.sampled_from([b"percent", b"enabled", b"shadow_percent", b"rev", b"x"]), BYTES),
        st.just(WRONG_TYPE),
    ),
    st.one_of(st.frozensets(BYTES, max_size=3), st.just(WRONG_TYPE)),
    st.one_of(st.frozensets(BYTES, max_size=3), st.just(WRONG_TYPE)),
)


@given(st.lists(READINGS, min_size=1, max_size=3))
def test_any_state_survives_json(readings: list[FeatureReading]):
    known = _known(*readings)
    assert decode(json.loads(json.dumps(encode(known)))) == known


def test_a_file_from_before_there_were_shadows_is_read(tmp_path: Path):
    old = encode(HELD)
    for name in ("shadow", "hold_shadow"):
        del old["features"]["auth"][name]
    file = SnapshotFile(tmp_path / "flags.json")
    file.path.write_text(json.dumps(old))
    assert file.load() == HELD
    assert HELD.features["auth"].shadow is None


def test_no_file_is_no_problem(tmp_path: Path):
    file = SnapshotFile(tmp_path / "flags.json")
    assert file.load() is None
    assert file.problem is None


def _damage(**change: object) -> str:
    return json.dumps({**encode(HELD), **change})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        _damage(version=2),
        _damage(run_id=7),
        _damage(features=[]),
        _damage(features={"auth": {}}),
        json.dumps(encode(HELD)).replace('"percent": 500', '"percent": 50000'),
        json.dumps(encode(HELD)).replace('"percent": 500', '"percent": true'),
        json.dumps(encode(HELD)).replace("raises", "perhaps"),
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_reported_and_ignored(tmp_path: Path, text: str):
    file = SnapshotFile(tmp_path / "flags.json")
    file.path.write_text(text)
    assert file.load() is None
    assert "damaged" in (file.problem or "")
    file.save(HELD)
    assert file.load() == HELD


def test_a_file_that_cannot_be_written_is_reported_and_the_one_before_stays(tmp_path: Path):
    file = SnapshotFile(tmp_path / "flags.json")
    file.path.mkdir()  # renaming a file onto a directory fails, also for root
    file.save(HELD)
    assert "cannot be written" in (file.problem or "")
    assert [path.name for path in tmp_path.iterdir()] == ["flags.json"]


def test_a_full_disk_is_reported_and_leaves_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = SnapshotFile(tmp_path / "flags.json")
    assert file.save(HELD)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert not file.save(Known("other", "other", {}))
    assert "No space left on device" in (file.problem or "")
    assert file.load() == HELD
    assert [path.name for path in tmp_path.iterdir()] == ["flags.json"]
