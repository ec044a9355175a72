"""How far apart two values may be and still count as the same: what a comparison's `tolerance` says."""

from dataclasses import dataclass
from typing import Any

from gateway.rules.shapes import moment


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers, or times in seconds, may be apart. percent: of legacy's number."""

    amount: float
    unit: str = ""
    """"" for numbers as they are, "%" for percent, "s" for times."""

    def allows(self, legacy: Any, new: Any) -> bool:
        """False, too, for what cannot be measured so."""
        if self.unit == "s":
            times = moment(legacy), moment(new)
            return times[0] is not None and times[1] is not None and abs(times[0] - times[1]) <= self.amount
        if type(legacy) is not type(new) or not isinstance(legacy, (int, float)) or isinstance(legacy, bool):
            return False
        try:
            limit = abs(legacy) * self.amount / 100 if self.unit == "%" else self.amount
            return bool(abs(legacy - new) <= limit)
        except OverflowError:  # integers beyond any float
            return False
