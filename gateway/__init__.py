"""A strangler-fig gateway: moves a live system from old code to new without anyone noticing."""

__version__ = "0.1.0"
