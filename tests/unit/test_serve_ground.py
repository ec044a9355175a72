"""The state directory: what stands in it is believed, so it is nobody else's."""

import os

import pytest
from structlog.testing import capture_logs

from gateway.serve.ground import StartError, locked


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_new_state_directory_is_this_users_alone(tmp_path):
    before = os.umask(0)
    try:
        with locked(tmp_path / "state"):
            assert mode(tmp_path / "state") == 0o700
            assert mode(tmp_path / "state" / "lock") == 0o600
    finally:
        os.umask(before)


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StartError, match="cannot be used"), locked(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize(("bits", "warnings"), [(0o700, 0), (0o755, 0), (0o770, 0), (0o777, 1)])
def test_one_that_anybody_may_write_to_is_warned_of(tmp_path, bits, warnings):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(bits)
    with capture_logs() as logs, locked(tmp_path / "state"):
        assert len(logs) == warnings
    assert mode(tmp_path / "state") == bits
