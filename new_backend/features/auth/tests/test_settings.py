from pathlib import Path

import pytest

from new_backend.infrastructure.http.openapi import openapi_route
from new_backend.infrastructure.settings import FAULTS, SetupError, load_settings

GOOD = {"JWT_SECRET": "k" * 32}


def test_the_defaults_are_those_of_the_documentation() -> None:
    settings = load_settings(GOOD)
    assert (settings.login_lock_seconds, settings.max_upload_bytes) == (900, 10_485_760)
    assert (settings.storage_dir, settings.ai_provider, settings.ai_step_seconds) == (Path(".run/files"), "local", 0.1)
    assert (settings.redis_url, settings.faults) == (None, frozenset())


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"FAULTS": "slow,typo"}, f"FAULTS: there is no 'typo'; there are {', '.join(FAULTS)}"),
        (
            {"FAULTS": "slow", "ENVIRONMENT": "production"},
            "nothing is made wrong on purpose with ENVIRONMENT=production",
        ),
        ({"FAULT_SEED": "x"}, "FAULT_SEED is 'x'"),
        ({"LOGIN_LOCK_SECONDS": "0"}, "LOGIN_LOCK_SECONDS is '0'"),
        ({"MAX_UPLOAD_BYTES": "10 MB"}, "MAX_UPLOAD_BYTES is '10 MB'"),
        ({"AI_STEP_SECONDS": "-1"}, "AI_STEP_SECONDS is '-1'"),
        ({"AI_STEP_SECONDS": "nan"}, "AI_STEP_SECONDS is 'nan'"),
        ({"AI_PROVIDER": "skynet"}, "AI_PROVIDER is 'skynet': one of local, openai is needed"),
        ({"AI_PROVIDER": "openai"}, "AI_BASE_URL is missing: AI_PROVIDER=openai needs it; AI_MODEL is missing"),
        ({"AI_BASE_URL": "ftp://user:hunter2@host"}, "AI_BASE_URL is not a URL"),
        ({"AI_API_KEY": "hunter2\n"}, "AI_API_KEY cannot be sent in a header"),
        ({"REDIS_URL": "http://:hunter2@host"}, "REDIS_URL is not a URL"),
        ({"REDIS_URL": "redis://:hunter2@host:port/0"}, "REDIS_URL is not a URL"),
    ],
)
def test_what_cannot_work_is_refused_in_words_without_secrets(variables: dict[str, str], words: str) -> None:
    with pytest.raises(SetupError) as caught:
        load_settings({**GOOD, **variables})
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_no_secret_shows_when_settings_are_printed() -> None:
    secrets = {"JWT_SECRET": "hunter2" * 9, "AI_API_KEY": "hunter2", "REDIS_URL": "redis://:hunter2@127.0.0.1/0"}
    assert "hunter2" not in repr(load_settings(secrets))


def test_a_base_url_ends_without_a_slash() -> None:
    assert load_settings({**GOOD, "AI_BASE_URL": "http://127.0.0.1:8080/v1/"}).ai_base_url == "http://127.0.0.1:8080/v1"


def test_a_contract_that_cannot_be_read_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")
    for name in ("bad.yaml", "missing.yaml"):
        with pytest.raises(SetupError, match="cannot read the contract"):
            openapi_route(tmp_path / name)
