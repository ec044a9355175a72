"""Workers' ledgers of one namespace in a Redis that other tests use as well."""

import itertools

import pytest

from gateway.compare.reader import CompareReader
from gateway.shadow.ledger import Ledger

_NAMES = itertools.count()


@pytest.fixture
def namespace():
    return f"cmp{next(_NAMES)}"


@pytest.fixture
async def reader(shared_valkey, namespace):
    reader = CompareReader(url=shared_valkey.url, namespace=namespace)
    yield reader
    await reader.aclose()


@pytest.fixture
async def ledgers(shared_valkey, namespace):
    """Makes workers of one namespace."""
    made = []

    def make(**more):
        made.append(Ledger(url=shared_valkey.url, namespace=namespace, **more))
        return made[-1]

    yield make
    for ledger in made:
        await ledger.aclose()


@pytest.fixture
def plain_client(shared_valkey):
    with shared_valkey.client() as client:
        yield client
