"""The admin token: where it comes from, and what is refused without repeating it."""

import pytest

from gateway.admin_token import ADMIN_TOKEN, ADMIN_TOKEN_FILE, admin_token
from gateway.settings import Process, Settings

GOOD = "0123456789abcdef"


def test_it_comes_from_its_variable_or_from_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f" {GOOD}file\n")
    assert admin_token({}) is None
    assert admin_token({ADMIN_TOKEN: GOOD}) == GOOD.encode()
    assert admin_token({}, file) == f"{GOOD}file".encode()
    assert admin_token({ADMIN_TOKEN_FILE: str(file)}) == f"{GOOD}file".encode()
    assert admin_token({ADMIN_TOKEN: GOOD, ADMIN_TOKEN_FILE: str(file)}) == GOOD.encode()


@pytest.mark.parametrize(
    ("token", "problem"),
    [(GOOD[:-1], "less than 16"), *((GOOD + more, "characters") for more in (" x", f"\n{GOOD}", "é"))],
)
def test_what_cannot_be_one_is_refused_in_words(token, problem):
    with pytest.raises(ValueError, match=f"the token of {ADMIN_TOKEN} has .*{problem}.*openssl rand") as caught:
        admin_token({ADMIN_TOKEN: token})
    assert token not in str(caught.value)


def test_a_file_without_one_is_no_way_to_go_without(tmp_path):
    file = tmp_path / "token"
    file.write_text("\n")
    with pytest.raises(ValueError, match="holds no token"):
        admin_token({}, file)
    with pytest.raises(FileNotFoundError):
        admin_token({}, tmp_path / "none")


def test_only_the_control_process_is_given_it(monkeypatch, tmp_path):
    monkeypatch.setenv(ADMIN_TOKEN, GOOD)
    worker = Process(settings=Settings(), slot="w0", run_dir=tmp_path).environment()
    control = Process(settings=Settings(), slot="control", run_dir=tmp_path).environment()
    assert (worker.get(ADMIN_TOKEN), control[ADMIN_TOKEN]) == (None, GOOD)
