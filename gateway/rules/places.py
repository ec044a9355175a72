"""Many patterns followed at once through a value: each step is a look into a dict, however many patterns there are.

An automaton over the steps of paths, made from patterns of `json_path` and grown as values are walked: a `Place` is
what all patterns make of the way down to it. Used by comparisons and by what hides secrets.
"""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from gateway.rules.json_path import Pattern, Wild

MAX_KEPT: Final = 1000
"""Places that are remembered: with many `..` there could be more than anybody needs, and bodies choose which."""

T = TypeVar("T")
States = frozenset[tuple[int, int]]
"""Which pattern, and how many of its steps have been made."""
Meaning = Callable[[Sequence[int], frozenset[int]], T]
"""Of a place, from the patterns that match it, in their order, and from those that match it or may match below it."""


class Places(Generic[T]):
    """The places of one list of patterns. start: the root, `$`."""

    def __init__(self, patterns: Sequence[Pattern], meaning: Meaning[T]) -> None:
        self.steps: Final = [pattern.steps for pattern in patterns]
        self._meaning = meaning
        self._kept: dict[States, Place[T]] = {}
        self.start: Final = self.place({(number, 0) for number in range(len(patterns))})

    def place(self, reached: set[tuple[int, int]]) -> "Place[T]":
        """The one place of these states, and of those that `..` reaches from them without a step."""
        states = self._closed(reached)
        found = self._kept.get(states)
        if found is None:
            matched = sorted(number for number, made in states if made == len(self.steps[number]))
            found = Place(self, states, self._meaning(matched, frozenset(number for number, _ in states)))
            if not self.is_full:
                self._kept[states] = found
        return found

    @property
    def is_full(self) -> bool:
        return len(self._kept) >= MAX_KEPT

    def _closed(self, reached: set[tuple[int, int]]) -> States:
        waiting, states = list(reached), set(reached)
        while waiting:
            number, made = waiting.pop()
            steps = self.steps[number]
            if made < len(steps) and steps[made] is Wild.DEEP and (number, made + 1) not in states:
                states.add((number, made + 1))
                waiting.append((number, made + 1))
        return frozenset(states)


class Place(Generic[T]):
    """rule: what it means."""

    __slots__ = ("_any_index", "_any_key", "_explicit", "_next", "_places", "_states", "rule")

    def __init__(self, places: Places[T], states: States, rule: T) -> None:
        self.rule: Final = rule
        self._places = places
        self._states = states
        ahead = [places.steps[number][made] for number, made in states if made < len(places.steps[number])]
        self._explicit = frozenset(step for step in ahead if not isinstance(step, Wild))
        self._next: dict[str | int, Place[T]] = {}
        self._any_key: Place[T] | None = None
        self._any_index: Place[T] | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether some pattern tells one item of a list here from the others."""
        return any(isinstance(step, int) for step in self._explicit)

    def key(self, name: str) -> "Place[T]":
        """Where a key leads."""
        if name in self._explicit:
            return self._next.get(name) or self._made(name)
        if self._any_key is None:
            found = self._step(name)
            if self._places.is_full:
                return found
            self._any_key = found
        return self._any_key

    def index(self, number: int) -> "Place[T]":
        """Where an index of a list leads."""
        if number in self._explicit:
            return self._next.get(number) or self._made(number)
        if self._any_index is None:
            found = self._step(number)
            if self._places.is_full:
                return found
            self._any_index = found
        return self._any_index

    def _made(self, step: str | int) -> "Place[T]":
        found = self._step(step)
        if not self._places.is_full:
            self._next[step] = found
        return found

    def _step(self, step: str | int) -> "Place[T]":
        wild = Wild.KEY if isinstance(step, str) else Wild.INDEX
        reached: set[tuple[int, int]] = set()
        for number, made in self._states:
            steps = self._places.steps[number]
            ahead = steps[made] if made < len(steps) else None
            if ahead is Wild.DEEP:
                reached.add((number, made))
            elif ahead is wild or (type(ahead) is type(step) and ahead == step):
                reached.add((number, made + 1))
        return self._places.place(reached)
