"""One value of a counter or a histogram in a counter file: every request adds to seven of them."""


class FileCell:
    """A double in a file, as prometheus_client's metrics add to it and read it. Made by `counterfile.FileValues`."""

    __slots__ = ("_doubles", "_index")

    def __init__(self, doubles: "memoryview[float]", index: int) -> None:  # quoted: no subscript at run time in 3.11
        self._doubles = doubles
        self._index = index

    def inc(self, amount: float) -> None:
        self._doubles[self._index] += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        self._doubles[self._index] = value

    def get(self) -> float:
        return self._doubles[self._index]

    def set_exemplar(self, exemplar: object) -> None:
        """The format has no room for exemplars."""

    def get_exemplar(self) -> None:
        return None
