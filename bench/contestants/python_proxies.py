"""Two references: a proxy as one writes it with Starlette and httpx, and one with aiohttp. Both split by the cookie."""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from bench.contestants.base import Launch, Place
from bench.program import ROOT


@dataclass(frozen=True, slots=True)
class PythonProxy:
    """A program of ours. packages: what it is made of, by their names in the registry."""

    name: str
    module: str
    packages: tuple[str, ...]
    install: str
    sticky: bool = True

    def missing(self) -> str | None:
        return None if all(map(_installed, self.packages)) else self.install

    def version(self) -> str:
        return ", ".join(f"{package} {_installed(package)}" for package in self.packages)

    def launch(self, place: Place) -> Launch:
        ports = (str(place.port), str(place.legacy), str(place.new))
        return Launch((sys.executable, "-m", self.module, *ports), {"PYTHONPATH": str(ROOT)})

    def settle(self, place: Place) -> None:
        pass


PROXIES = (
    PythonProxy("starlette", "bench.contestants.starlette_proxy", ("starlette", "httpx", "uvicorn"), "make install"),
    PythonProxy("aiohttp", "bench.contestants.aiohttp_proxy", ("aiohttp",), "make bench-peers"),
)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
