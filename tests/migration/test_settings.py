"""What both sides are told by their environment: each fault is named, in one line, at start."""

import pytest

from tests.migration.backends import SIDES, environment, run_module
from tests.migration.people import sign_up
from tests.migration.refusals import refusal

OPENAI = {"AI_PROVIDER": "openai", "AI_BASE_URL": "http://127.0.0.1:8080/v1", "AI_MODEL": "a-model"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOGIN_LOCK_SECONDS", "0"),
        ("LOGIN_LOCK_SECONDS", "-1"),
        ("LOGIN_LOCK_SECONDS", "a while"),
        ("LOGIN_LOCK_SECONDS", "1.5"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("MAX_UPLOAD_BYTES", "10 MB"),
        ("AI_PROVIDER", "magic"),
        ("AI_STEP_SECONDS", "-0.1"),
        ("AI_STEP_SECONDS", "soon"),
        ("AI_STEP_SECONDS", "nan"),
        ("AI_STEP_SECONDS", "inf"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_line_that_names_it(side, sqlite_url, variable, value):
    refused = refusal(side, environment(sqlite_url, **{variable: value}))
    assert variable in refused
    assert "\n" not in refused


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AI_BASE_URL", ""),
        ("AI_BASE_URL", "127.0.0.1:8080"),
        ("AI_BASE_URL", "ftp://127.0.0.1/v1"),
        ("AI_BASE_URL", "http://"),
        ("AI_MODEL", ""),
    ],
)
def test_an_ai_service_must_be_named_whole(side, sqlite_url, variable, value):
    refused = refusal(side, environment(sqlite_url, **{**OPENAI, variable: value}))
    assert variable in refused
    assert "\n" not in refused


def test_a_key_is_in_no_refusal(side, sqlite_url):
    secret = "sk-hunter2"
    assert secret not in refusal(side, environment(sqlite_url, **{**OPENAI, "AI_MODEL": "", "AI_API_KEY": secret}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_URL", "http://127.0.0.1:6379"),
        ("REDIS_URL", "nonsense"),
        ("FAULTS", "no-such-fault"),
        ("FAULTS", "slow,no-such-fault"),
        ("FAULT_SEED", "x"),
    ],
)
def test_what_new_alone_knows_is_refused_alike(sqlite_url, variable, value):
    refused = refusal("new", environment(sqlite_url, **{variable: value}))
    assert variable in refused
    assert "\n" not in refused


def test_all_faults_are_told_at_once(side, sqlite_url):
    faulty = {"LOGIN_LOCK_SECONDS": "x", "MAX_UPLOAD_BYTES": "x", "AI_PROVIDER": "x", "AI_STEP_SECONDS": "x"}
    done = run_module(f"{side}_backend", env=environment(sqlite_url, **faulty))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(f"{side} backend: ")
    assert all(name in done.stderr for name in faulty)


def test_a_folder_that_cannot_be_written_to_is_one_line_that_names_it(side, sqlite_url, tmp_path):
    (tmp_path / "a-file").touch()
    done = run_module(f"{side}_backend", env=environment(sqlite_url, STORAGE_DIR=str(tmp_path / "a-file" / "files")))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "STORAGE_DIR" in done.stderr


def test_help_tells_all_variables():
    both = {
        "LOGIN_LOCK_SECONDS",
        "STORAGE_DIR",
        "MAX_UPLOAD_BYTES",
        "AI_PROVIDER",
        "AI_BASE_URL",
        "AI_API_KEY",
        "AI_MODEL",
    }
    alone = {"legacy": set(), "new": {"REDIS_URL", "FAULTS", "FAULT_SEED"}}
    for side in SIDES:
        done = run_module(f"{side}_backend", "--help", env=environment(""))
        assert {name for name in both | alone[side] | {"AI_STEP_SECONDS"} if name not in done.stdout} == set()


def test_an_empty_variable_counts_as_unset(side, sqlite_url, start):
    empty = dict.fromkeys(("LOGIN_LOCK_SECONDS", "MAX_UPLOAD_BYTES", "AI_PROVIDER", "AI_BASE_URL", "AI_API_KEY"), "")
    backend = start(side, sqlite_url, **empty, REDIS_URL="", FAULTS="", FAULT_SEED="")
    assert sign_up(backend, "ada@example.com").analysed(backend)["status"] == "succeeded"
