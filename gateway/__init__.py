"""A strangler-fig gateway: moves a live system from old code to new without anyone noticing."""

from gateway.compiled import use

__version__ = "0.1.0"

COMPILED = use()
"""Whether the modules that requests run through are machine code in this process."""
