"""The comparison written as plainly as its rules are, without regard to time: what the fast one is held to.

Each pattern is matched from the root at each place, every value is walked, and unordered lists are paired by looking
at every two items.
"""

from gateway.rules.compare import ABSENT, MAX_DEPTH, Difference, Kind, as_it_is, type_name
from gateway.rules.json_path import show_path


def plain_compare(legacy, new, rules, naming=(as_it_is, as_it_is)):
    found = []
    _Plain(rules, naming).values((), legacy, new, found)
    return tuple(found)


class _Plain:
    def __init__(self, rules, naming):
        self._rules = rules
        self._naming = naming

    def values(self, path, legacy, new, found):
        if any(pattern.matches(path) for pattern in self._rules.ignore):
            return
        if len(path) >= MAX_DEPTH:
            if not _same(legacy, new):
                found.append(Difference(Kind.VALUE, show_path(path), legacy, new))
        elif isinstance(legacy, dict) and isinstance(new, dict):
            self._objects(path, legacy, new, found)
        elif isinstance(legacy, list) and isinstance(new, list):
            self._lists(path, legacy, new, found)
        else:
            self._scalars(path, legacy, new, found)

    def _objects(self, path, legacy, new, found):
        for key, value in legacy.items():
            self._one((*path, key), value, new.get(key, ABSENT), found)
        for key, value in new.items():
            if key not in legacy:
                self._one((*path, key), ABSENT, value, found)

    def _one(self, path, legacy, new, found):
        """What stands at one place, on either side or on both."""
        if legacy is not ABSENT and new is not ABSENT:
            self.values(path, legacy, new, found)
        elif not any(pattern.matches(path) for pattern in self._rules.ignore):
            found.append(Difference(Kind.MISSING if new is ABSENT else Kind.EXTRA, show_path(path), legacy, new))

    def _lists(self, path, legacy, new, found):
        for pattern, key in self._rules.unordered:
            if pattern.matches(path):
                new = self._paired(path, legacy, new, key)
                break
        for index in range(max(len(legacy), len(new))):
            old_item = legacy[index] if index < len(legacy) else ABSENT
            new_item = new[index] if index < len(new) else ABSENT
            if old_item is not ABSENT or new_item is not ABSENT:
                self._one((*path, index), old_item, new_item, found)

    def _paired(self, path, legacy, new, key):
        """New's items in legacy's order: each beside one that is alike, else beside the one of the same key. Without a
        key what is left stands in its order where legacy has no like; with one, behind: it is another item.
        """
        left = list(new)
        paired = [self._take(path, index, item, left, None) for index, item in enumerate(legacy)]
        if key is None:
            return [left.pop(0) if item is ABSENT and left else item for item in paired] + left
        for index, item in enumerate(legacy):
            if paired[index] is ABSENT:
                paired[index] = self._take(path, index, item, left, key)
        return paired + left

    def _take(self, path, index: int, item, left, key):
        """The like of one of legacy's items, by its key or else by all of it, out of those left; ABSENT without any."""
        for at, candidate in enumerate(left):
            if self._belong((*path, index), item, candidate, key):
                return left.pop(at)
        return ABSENT

    def _belong(self, path, legacy, new, key):
        differences = []
        if key is None:
            self.values(path, legacy, new, differences)
        elif isinstance(legacy, dict) and isinstance(new, dict) and key in legacy and key in new:
            self.values((*path, key), legacy[key], new[key], differences)
        else:
            return False
        return not differences

    def _scalars(self, path, legacy, new, found):
        if self._equal(legacy, new):
            return
        if any(pattern.matches(path) and each.allows(legacy, new) for pattern, each in self._rules.tolerance):
            return
        shape = next((shape for pattern, shape in self._rules.same if pattern.matches(path)), None)
        if shape is not None and shape.alike(legacy, new) and not self._is_named(legacy, new):
            return
        place = show_path(path)
        if type_name(legacy) != type_name(new):
            found.append(Difference(Kind.TYPE, place, legacy, new))
        elif shape is not None:
            found.append(Difference(Kind.SHAPE, place, legacy, new, shape.noun))
        else:
            found.append(Difference(Kind.VALUE, place, legacy, new))

    def _is_named(self, legacy, new):
        """Whether either is known by a name: then it is not enough that the other one looks like it."""
        return isinstance(legacy, str) and (self._naming[0](legacy), self._naming[1](new)) != (legacy, new)

    def _equal(self, legacy, new):
        if type(legacy) is not type(new):
            return False
        if isinstance(legacy, str):  # the very text of legacy's own id would be wrong on new: it is not new's
            return self._naming[0](legacy) == self._naming[1](new)
        return bool(legacy == new or (legacy != legacy and new != new))  # noqa: PLR0124 - NaN is like NaN


def _same(legacy, new):
    """Strict equality without recursion."""
    waiting = [(legacy, new)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            if one.keys() != other.keys():
                return False
            waiting += [(value, other[key]) for key, value in one.items()]
        elif isinstance(one, list):
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif one != other:
            return False
    return True
