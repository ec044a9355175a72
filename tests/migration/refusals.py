"""What an application says when it will not start."""

import asyncio

import pytest

from legacy_backend.core.config import ConfigError, load_config
from legacy_backend.main import create_app as create_legacy
from new_backend.app import create_app as create_new
from new_backend.infrastructure.settings import SetupError, load_settings


def refusal(side, env):
    """The words with which the application itself refuses, without a process around it."""

    async def start():
        app = create_legacy(load_config(env)) if side == "legacy" else create_new(load_settings(env))
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises((ConfigError, SetupError)) as caught:
        asyncio.run(start())
    return str(caught.value)
