"""How large the pages of a Parquet column become, read from their headers before any is unpacked.

Headers are Thrift structs in its compact protocol (thrift-compact-protocol.md): of each only the
sizes are wanted (parquet.thrift, PageHeader: fields 2 and 3), all else is stepped over.
"""

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
NUMBERS = (I16, I32, I64)
UNPACKED, PACKED = 2, 3
DEEPEST = 16
DAMAGED = "a page header is damaged"


def unpacked_bytes(data: bytes, start: int, end: int) -> int:
    """The sum over the pages of one column chunk. Raises ValueError where they make no sense."""
    if not 0 <= start <= end <= len(data):
        raise ValueError(DAMAGED)
    reader, total = _Reader(data, start, end), 0
    while reader.at < end:
        sizes = reader.struct()
        total += sizes[UNPACKED]
        reader.step(sizes[PACKED])
    return total


class _Reader:
    """Where in the bytes we are; nothing behind `end` is looked at."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self._end = end

    def step(self, count: int) -> None:
        if not 0 <= count <= self._end - self.at:
            raise ValueError(DAMAGED)
        self.at += count

    def struct(self, depth: int = 0) -> dict[int, int]:
        """Its numbers by field; those of structs within it are stepped over."""
        if depth > DEEPEST:
            raise ValueError(DAMAGED)
        numbers = {UNPACKED: 0, PACKED: 0}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._number()
            kind = head & 15
            if kind in NUMBERS:
                numbers[field] = self._number()
            else:
                self._skip(kind, depth + 1)
        if min(numbers[UNPACKED], numbers[PACKED]) < 0:
            raise ValueError(DAMAGED)
        return numbers

    def _skip(self, kind: int, depth: int) -> None:
        """A value that is no number. A boolean is in its head alone."""
        if kind in (TRUE, FALSE):
            return
        if kind == BYTE:
            self.step(1)
        elif kind == DOUBLE:
            self.step(8)
        elif kind == BINARY:
            self.step(self._varint())
        elif kind == STRUCT:
            self.struct(depth)
        else:  # no page header has a list, set or map
            raise ValueError(DAMAGED)

    def _byte(self) -> int:
        place = self.at
        self.step(1)
        return self._data[place]

    def _varint(self) -> int:
        found = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise ValueError(DAMAGED)

    def _number(self) -> int:
        """Zigzag: 0, -1, 1, -2, ..."""
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
