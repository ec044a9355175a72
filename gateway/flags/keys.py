"""The names of everything in Redis, under one namespace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """Key names for `--namespace`. Flags, lists and the epoch are what workers listen to; nothing else wakes them."""

    namespace: str

    def flag(self, feature: str) -> str:
        return f"{self.namespace}:flag:{feature}"

    def allow(self, feature: str) -> str:
        return f"{self.namespace}:allow:{feature}"

    def deny(self, feature: str) -> str:
        return f"{self.namespace}:deny:{feature}"

    def history(self, feature: str) -> str:
        return f"{self.namespace}:history:{feature}"

    @property
    def epoch(self) -> str:
        return f"{self.namespace}:epoch"

    @property
    def workers(self) -> str:
        return f"{self.namespace}:workers"

    @property
    def beats(self) -> str:
        return f"{self.namespace}:beats"

    @property
    def listened(self) -> tuple[str, ...]:
        """The prefixes that are tracked."""
        return (self.flag(""), self.allow(""), self.deny(""), self.epoch)

    def feature_of(self, key: str) -> str | None:
        """The feature that a tracked key belongs to; None for the epoch and for foreign keys."""
        prefix = next((prefix for prefix in self.listened[:3] if key.startswith(prefix)), None)
        return None if prefix is None else key[len(prefix) :]
