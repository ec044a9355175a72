import pytest

pytest_plugins = ["tests.support.figures", "tests.support.valkey_server"]


@pytest.fixture(scope="session")
def anyio_backend():
    """Async tests run under asyncio, by anyio's plugin (`anyio_mode = auto`)."""
    return "asyncio"
