"""What is read from Redis for flags, and what a process knows of them. The rules are in `flagstate`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, Literal, NamedTuple

from gateway.model import NONE, BasisPoints

ALLOW, DENY = "allow", "deny"


class WrongType(Enum):
    """Stands for a key that holds another type than a flag or a list has: somebody typed SET."""

    WRONG_TYPE = "wrong type"


WRONG_TYPE: Final = WrongType.WRONG_TYPE
Entries = frozenset[bytes]


@dataclass(frozen=True, slots=True)
class FeatureReading:
    """What Redis holds for one feature. A key that is missing reads as empty, as Redis itself answers."""

    flag: Mapping[bytes, bytes] | Literal[WrongType.WRONG_TYPE]
    allow: Entries | Literal[WrongType.WRONG_TYPE] = frozenset()
    deny: Entries | Literal[WrongType.WRONG_TYPE] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading. `full`: every feature was read, and what it does not name is forgotten."""

    epoch: str | None
    run_id: str
    features: Mapping[str, FeatureReading]
    full: bool


class Configured(NamedTuple):
    """What environment and file say of a feature: what is left where no flag says anything."""

    percent: BasisPoints
    shadow: BasisPoints = NONE


class Hold(StrEnum):
    """Why a value from Redis is not in force."""

    NO = ""
    LOST = "lost"
    """Missing at the first reading of other data; kept until it is written or adopted."""
    RAISES = "raises"
    """Would raise new's share, or the shadows; kept until it is written or adopted, or raises nothing any more."""


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """One feature's values in force, beside what Redis said last.

    percent, enabled, shadow: None where Redis says nothing: environment and file speak.
    rev: as last read, None where there was none; newest_rev outlives the loss of the key.
    unreadable: the parts that never had a good value; while there are any, the feature stays on legacy.
    """

    percent: BasisPoints | None
    enabled: bool | None
    allow: Entries
    deny: Entries
    rev: int | None
    newest_rev: int
    seen: FeatureReading
    hold: Hold = Hold.NO
    hold_allow: Hold = Hold.NO
    hold_deny: Hold = Hold.NO
    shadow: BasisPoints | None = None
    hold_shadow: Hold = Hold.NO
    unreadable: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        holds = self.hold or self.hold_allow or self.hold_deny or self.hold_shadow
        return bool(holds or (self.unreadable and not self.problems))


@dataclass(frozen=True, slots=True)
class Known:
    """The flags that a process knows, and the server and data set that they came from."""

    epoch: str | None
    run_id: str
    features: Mapping[str, FeatureFlags]


class EventKind(StrEnum):
    CHANGED = "changed"
    HELD = "held"
    RELEASED = "released"
    PROBLEM = "problem"
    SOLVED = "solved"
    OTHER_DATA = "other data"


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell the operator, once. `text` is whole without the kind."""

    kind: EventKind
    feature: str | None
    text: str
