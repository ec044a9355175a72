"""What is kept of a comparison is written without secrets here, in a thread: bodies may be long, and clients wait for
nothing of it. Nothing of a request or a reply leaves the process but by way of this.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
import structlog

from gateway.rules.hide import hidden
from gateway.rules.secrecy import HIDDEN
from gateway.shadow.batch import Batch, Sample, Waiting
from gateway.shadow.faults import told
from gateway.shadow.kept import read_differences

PREPARE_SECONDS: Final = 0.2
"""For one batch: what is not written by then is left out. The interpreter is one, so requests share it with this."""
MAX_EXAMPLE: Final = 300
"""Characters of each value of an example; a sample has more of it."""

log = structlog.get_logger("compare")


@dataclass(frozen=True, slots=True)
class _Example:
    """place: where it must be told in another way than it is."""

    values: dict[str, str | None]
    place: str | None


def prepare(batch: Batch, clock: Callable[[], float] = time.monotonic) -> None:
    """Makes samples of what waits for it in a batch, and examples of their differences. The first is always made."""
    waiting_ones, batch.waiting = batch.waiting, []
    begun = clock()
    for waiting in waiting_ones:
        feature = waiting.compared.feature
        if batch.samples and clock() - begun > PREPARE_SECONDS:
            batch.leave_out(feature, "samples")
            continue
        try:
            sample, examples = _written(waiting)
        except Exception as error:  # noqa: BLE001 - whatever a service has sent to make it fail costs one sample
            # Neither its text nor the values around it: they are what must not be seen.
            log.error("a sample cannot be kept", feature=feature, fault=told(error))
            batch.leave_out(feature, "samples")
            continue
        batch.samples.append(sample)
        for fingerprint, example in examples.items():
            found = batch.found.get(fingerprint)
            if found is not None and found.example is None:
                found.example, found.place = example.values, example.place or found.place


def _written(waiting: Waiting) -> tuple[Sample, dict[str, _Example]]:
    """A sample, and by fingerprint the first example of each of its differences."""
    sample_id = secrets.token_hex(6)
    compared = replace(waiting.compared, differences=read_differences(waiting.compared.differences))
    content = hidden(compared, waiting.plan.redact, waiting.plan.redact_headers)
    content["more_differences"] += waiting.more
    examples: dict[str, _Example] = {}
    for difference in content["differences"]:
        examples.setdefault(difference["fingerprint"], _example(difference))
    written = orjson.dumps({"id": sample_id, **content})
    return Sample(sample_id, waiting.compared.feature, waiting.fingerprints, written), examples


def _example(difference: dict[str, Any]) -> _Example:
    """A key may be a secret that stands elsewhere as a value: of such a place nothing but stars is kept."""
    values = {
        "path": difference["path"],
        "legacy": _short(difference["legacy"]),
        "new": _short(difference["new"]),
        "expected": difference["expected"],
    }
    hides = HIDDEN in difference["place"]
    return _Example(values, f"{difference['kind']} {difference['place']}" if hides else None)


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_EXAMPLE else f"{text[:MAX_EXAMPLE]}..."
