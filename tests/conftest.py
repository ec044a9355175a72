import pytest

pytest_plugins = ["tests.support.figures", "tests.support.valkey_server"]

LONG = ("test_serve_", "test_stack", "test_cli_", "test_short_campaign", "test_admin_", "test_websocket_processes")


@pytest.fixture(scope="session")
def anyio_backend():
    """Async tests run under asyncio, by anyio's plugin (`anyio_mode = auto`)."""
    return "asyncio"


def pytest_collection_modifyitems(items):
    """Files that start whole gateways first: begun last, they would run on alone when everything else is done."""
    items.sort(key=lambda item: not item.path.name.startswith(LONG))
