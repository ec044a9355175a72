"""The state directory: what stands in it is believed, so it is nobody else's."""

import os

import pytest
from structlog.testing import capture_logs

from gateway.reload import accept
from gateway.serve.ground import StartError, check_for_worker, locked
from gateway.settings import Settings
from tests.support.tls_peer import issue


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


ROUTES = """\
version: 1
upstreams:
  legacy: {url: "https://127.0.0.1:9", tls: {certificate_file: own.pem, key_file: own.key}}
routes:
  - {path: "/*", upstream: legacy}
tls:
  certificates:
    - {certificate_file: shop.pem, key_file: shop.key}
"""


@pytest.fixture
def accepted(tmp_path):
    """The settings of a gateway that runs, with good files of both kinds."""
    issue(tmp_path, "own"), issue(tmp_path, "shop")
    settings = Settings(routes=tmp_path / "routes.yaml", state_dir=tmp_path, listen=("https://127.0.0.1:443",))
    assert accept(ROUTES.encode(), str(settings.routes), settings.accepted_file).accepted
    check_for_worker(settings)
    return settings


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("shop.key", "shop.pem: key_file holds no private key"),
        ("own.key", r"upstream legacy: key_file: .*own.key holds no private key"),
    ],
)
def test_a_worker_that_starts_now_would_miss_a_certificate(accepted, tmp_path, file, words):
    (tmp_path / file).write_text("half")
    with pytest.raises(StartError, match=words):
        check_for_worker(accepted)


def test_certificates_of_clients_count_where_tls_is_spoken(accepted, tmp_path):
    (tmp_path / "shop.key").write_text("half")
    check_for_worker(accepted.model_copy(update={"listen": ()}))


def test_a_damaged_copy_is_the_new_workers_to_tell(accepted):
    accepted.accepted_file.write_text("{")
    check_for_worker(accepted)
