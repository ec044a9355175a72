"""Argon2id, in threads: a hash takes tens of milliseconds, which the event loop must not."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import argon2
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords(Protocol):
    """What services need of a hash; tests of services bring a quick one."""

    async def hash(self, password: str) -> str: ...

    async def verify(self, password_hash: str, password: str) -> bool:
        """False for a wrong password and for a hash that is none."""
        ...


class PasswordHasher:
    """Hashes at most one password per core at a time, which also bounds memory (64 MiB each by default)."""

    def __init__(self, *, time_cost: int, memory_kib: int) -> None:
        self._argon2 = argon2.PasswordHasher(time_cost=time_cost, memory_cost=memory_kib)
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._argon2.hash, password)

    async def verify(self, password_hash: str, password: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, password_hash, password)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
