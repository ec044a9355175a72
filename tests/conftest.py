import gc

import hypothesis
import pytest

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")  # how long one example takes is a matter of what else the machine does

pytest_plugins = ["tests.support.figures", "tests.support.valkey_server"]

LONG = (
    *("test_ai_silence", "test_serve_", "test_stack", "test_cli_", "test_short_campaign", "test_admin_"),
    *("test_websocket_processes", "test_whole_migration", "test_verify_gateway", "test_contract", "test_ai_takeover"),
)


@pytest.fixture(scope="session")
def anyio_backend():
    """Async tests run under asyncio, by anyio's plugin (`anyio_mode = auto`)."""
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Thousands of tests are millions of objects, which stay: nobody looks through them for garbage, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    """Files that start many processes first: begun last, they would run on alone when everything else is done."""
    items.sort(key=lambda item: not item.path.name.startswith(LONG))
