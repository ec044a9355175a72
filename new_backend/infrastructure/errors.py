"""What a feature's service refuses. A leaf, so that services need not know the web framework."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class ServiceError(Exception):
    """Each subclass carries the status and the words that clients rely on; `infrastructure.http.errors` answers."""

    status: ClassVar[int]
    detail: ClassVar[str]
    headers: Mapping[str, str] = MappingProxyType({})
    """One with headers of its own sets them when it is made."""
