"""Server-sent events as they come over the wire: bytes in, whole frames out (WHATWG HTML, 9.2.6).

Our own, of forty lines: what the packages for it take for a line's end differs (`httpx.Response.aiter_lines` cuts at U+2028,
which stands in prose), and none bounds what a server may send.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from api.client.errors import ForeignAnswer

MOST_BYTES = 4_000_000
"""Of one frame. A committed turn with everything that it can hold is far below."""

_END = re.compile(rb"\r\n|\n|\r")


class Frame(NamedTuple):
    """One event. `retry_ms` may come alone: then there is no `data`."""

    id: str = ""
    kind: str = ""
    data: str = ""
    retry_ms: int | None = None


class Frames:
    """Reads frames out of chunks that are cut anywhere. What stands behind the last blank line is no frame."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that the chunk completes. Raises ForeignAnswer for one that does not end."""
        self._rest += chunk
        while found := _END.search(self._rest):
            if found[0] == b"\r" and found.end() == len(self._rest):
                break  # the other half of a CRLF may be on its way
            line, self._rest = self._rest[: found.start()], self._rest[found.end() :]
            if line:
                self._lines.append(line)
                self._size += len(line)
            elif self._lines:
                lines, self._lines, self._size = self._lines, [], 0
                yield _frame(lines)
        if self._size + len(self._rest) > MOST_BYTES:
            raise ForeignAnswer("The server sends an event without an end", cure="Check the address.")


def _frame(lines: list[bytes]) -> Frame:
    fields: dict[str, str] = {}
    data: list[str] = []
    for line in lines:
        name, _, value = line.decode("utf-8", errors="replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name:  # a comment has none
            fields[name] = value
    retry = fields.get("retry", "")
    wait = int(retry) if retry.isascii() and retry.isdigit() and len(retry) < 10 else None
    return Frame(fields.get("id", ""), fields.get("event", ""), "\n".join(data), wait)
