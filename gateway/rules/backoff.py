"""How long what has failed again is left alone: by `breaker` for an upstream, by `standing` for one of its targets."""

_MOST_DOUBLINGS = 30
"""More would only make large numbers of what is bounded in any case."""


def backoff(first: float, longest: float, times: int) -> float:
    """Seconds: `first` at the first time, twice as long each time again, `longest` at most (but never under `first`).

    times: how often it has been left alone in a row, this time included; none yet counts as the first.
    """
    doublings = min(max(times - 1, 0), _MOST_DOUBLINGS)
    return float(min(first * 2**doublings, max(first, longest)))
