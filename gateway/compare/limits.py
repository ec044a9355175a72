"""How much is kept of comparisons: in Redis by the script that writes, in a worker until it is sent."""

from typing import Final

MAX_DIFFERENCES: Final = 200
"""Distinct ones of one feature."""
MAX_SAMPLES_EACH: Final = 5
"""Of one distinct difference."""
MAX_SAMPLES: Final = 200
"""Of one feature."""
