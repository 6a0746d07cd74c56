"""Every fault of a file of stories, found before the first node is written.

What is checked is what a story needs to be played on: the tree of turns, the lists by which ancestors are found
(`graphs.memory.cypher`), HEADs, limits, and that the file is whole. Ids of turns are all that is held in memory.
"""

import json
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from typing import Any, BinaryIO

from agents.errors import InvalidInput, InvalidStory
from agents.world.load import load_pinned
from graphs.archive.bodies import faults_of_json
from graphs.archive.lines import FORMAT, KINDS, MAX_LINE, decode_line
from graphs.archive.values import KEYS, faults_of_redis, faults_of_shape
from graphs.memory.cypher import BLOCK
from graphs.memory.records import ROOT
from graphs.memory.shapes import KEYFRAME
from graphs.sessions import check_id

MOST_FAULTS = 20
"""Faults after which no more are looked for."""

_AGAIN = "Export the story again"
_REPAIR = "Repair or remove the line"


class Line:
    """A line of a file: `kind`, its `value`, and `place`, which is `file:line`."""

    def __init__(self, kind: str, value: Any, place: str, size: int) -> None:
        self.kind, self.value, self.place, self.size = kind, value, place, size


def read_lines(file: BinaryIO, name: str) -> Generator[Line | InvalidStory]:
    """The lines of a file from its beginning, or what is wrong with one. A header's kind is `tta`."""
    file.seek(0)
    number = 0
    while raw := file.readline(MAX_LINE + 1):
        number += 1
        place = f"{name}:{number}"
        if len(raw) > MAX_LINE:
            yield InvalidStory(f"This line is longer than {MAX_LINE} bytes", place=place, cure=_AGAIN)
            return
        try:
            found = decode_line(raw.decode(), place)
        except UnicodeDecodeError:
            yield InvalidStory("This line is not UTF-8", place=place, cure=_AGAIN)
            continue
        except InvalidStory as error:
            yield error
            continue
        kind = "tta" if "tta" in found else next(iter(found), "")
        if kind != "tta" and len(found) != 1:
            yield InvalidStory("A line has one key, which says what it is", place=place, cure=_REPAIR)
        elif kind not in ("tta", "redis", "end", *KINDS):
            cure = "Update tta, if a newer one wrote the file; else remove the line"
            yield InvalidStory(f"There is no '{kind[:40]}' in a story", place=place, cure=cure)
        elif kind != "tta" and not isinstance(found[kind], dict):
            yield InvalidStory(f"A {kind} is a JSON object", place=place, cure=_REPAIR)
        else:
            yield Line(kind, found if kind == "tta" else found[kind], place, len(raw))


def check_file(file: BinaryIO, name: str, what: str) -> list[str]:
    """The ids of the sessions in a file that is a `what` (story, backup). Raises InvalidStory with all that is wrong."""
    faults: list[InvalidStory] = []
    found = _Checked()
    for fault in found.faults(read_lines(file, name), name, what):
        faults.append(fault)
        if len(faults) == MOST_FAULTS:
            break
    if faults:
        faults[0].others = faults[1:]
        raise faults[0]
    return found.sessions


class _Checked:
    """What has been seen of a file."""

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self._story: _Story | None = None
        self._header = ""
        self._ended = False

    def faults(self, lines: Iterable[Line | InvalidStory], name: str, what: str) -> Iterator[InvalidStory]:
        broken, unread, place = False, False, f"{name}:1"
        for line in lines:
            unread = isinstance(line, InvalidStory)
            if isinstance(line, InvalidStory):
                broken = True
                yield line
                if not self._header:  # of a file that is something else, the rest is not told line by line
                    return
                continue
            place = line.place
            if not self._header and (wrong := _wrong_header(line, what, name)):
                yield wrong
                return
            yield from _at(place, self._faults(line, broken))
        if not self._header and not broken:
            yield InvalidStory("The file is empty", place=name, cure=f"Name the file of a {what}")
        elif not self._ended and not unread:  # the end line may be the one that cannot be read
            yield InvalidStory("The file ends before its end line: it was cut short", place=place, cure=_AGAIN)

    def _faults(self, line: Line, broken: bool) -> Iterator[str]:
        if self._ended:
            yield "There is something after the end line"
        elif line.kind == "tta":
            yield from self._opened(line)
        elif self._story is not None:
            yield from self._story.faults(line, gaps=broken)
            if line.kind == "end":
                yield from self._closed(self._story.counts if not broken else None, line)
        elif line.kind == "end" and self._header == "backup":
            yield from self._closed(Counter(story=len(self.sessions)), line)
        else:
            yield f"A {line.kind} stands outside a story"

    def _opened(self, line: Line) -> Iterator[str]:
        if self._header and (self._story is not None or line.value["tta"] != "story"):
            yield "A story begins here before the one before it has ended"
        if not self._header:
            self._header = line.value["tta"]
        if line.value["tta"] == "story":
            self._story = _Story()

    def _closed(self, counts: "Counter[str] | None", line: Line) -> Iterator[str]:
        if counts is not None and {k: n for k, n in line.value.items() if n} != {k: n for k, n in counts.items() if n}:
            told = ", ".join(f"{kind} {number}" for kind, number in sorted(counts.items()))
            yield f"The end line counts other lines than there are ({told or 'none'}): the file is not whole"
        if self._story is None or self._header == "story":
            self._ended = True
        if self._story is not None:
            if self._story.session in self.sessions:
                yield "The same session is there twice"
            self.sessions.append(self._story.session)
        self._story = None


def _wrong_header(line: Line, what: str, name: str) -> InvalidStory | None:
    if line.kind != "tta" or line.value["tta"] not in ("story", "backup"):
        cause, cure = f"The file is no {what} of tta: it does not begin with a header", f"Name the file of a {what}"
    elif (found := line.value["tta"]) != what:
        command = "restore" if what == "story" else "import"
        cause, cure = f"The file is a {found}, not a {what}", f"`tta sessions {command} {name}` reads it"
    elif (version := line.value.get("version")) not in range(1, FORMAT + 1) or version is True:
        cause, cure = f"The file has format {version!r:.20}, this tta reads up to {FORMAT}", "Update tta"
    else:
        return None
    return InvalidStory(cause, place=line.place, cure=cure)


def _at(place: str, causes: Iterable[str]) -> Iterator[InvalidStory]:
    for cause in causes:
        yield InvalidStory(cause, place=place, cure=_AGAIN)


class _Story:
    """What has been seen of one story."""

    def __init__(self) -> None:
        self.session = ""
        self.counts: Counter[str] = Counter()
        self._active: str | None = None
        self._heads: dict[str, tuple[str, Any]] = {}
        self._turns: dict[str, tuple[int, str, int, bool]] = {}
        """turn_id: number, keyframe, length of its tail, whether it is of the story."""
        self._keys: dict[str, set[str]] = {}

    def faults(self, line: Line, *, gaps: bool = False) -> Iterator[str]:
        """What is wrong with a line. With `gaps`, one before it could not be read: what is missed may have stood there."""
        kind, value = line.kind, line.value
        if kind == "end":
            if not gaps:
                yield from self._ended()
            return
        if kind == "redis":
            yield from faults_of_redis(value)
            return
        self.counts[kind] += 1
        shape = list(faults_of_shape(kind, value)) or list(faults_of_json(kind, value))
        yield from shape
        key = value.get(KEYS[kind])
        if kind != "session" and isinstance(key, str):
            if key in self._keys.setdefault(kind, set()):
                yield f"There is a {kind} with the {KEYS[kind]} {key[:64]!r} already"
            self._keys[kind].add(key)
        if shape:
            if kind == "turn":  # its children shall not be told to have no parent
                self._turns.setdefault(str(key), (-1, "", 0, True))
        elif kind == "session":
            yield from self._session(value)
        elif kind == "branch":
            self._heads[value["name"]] = (value["head"], value["number"])
        elif kind == "turn":
            yield from self._turn(value, gaps)
        elif not gaps and "turn_id" in value and value["turn_id"] not in self._turns:
            yield f"The {kind} hangs on a turn that is not there before it"

    def _session(self, value: dict[str, Any]) -> Iterator[str]:
        if self.counts["session"] > 1:
            yield "A story has one session"
        self.session, self._active = value["session"], value["branch"]
        try:
            check_id(value["session"], "session id")
            check_id(value["player"], "player id")
            load_pinned(value["world_text"])
        except InvalidInput as error:
            yield error.cause

    def _turn(self, value: dict[str, Any], gaps: bool) -> Iterator[str]:
        turn_id, number, parent = value["turn_id"], value["number"], value["parent"]
        before, story = self._turns.get(parent), value["kind"] == "story"
        told = json.loads(value["body"]) if isinstance(value["body"], str) else value["body"]
        if not isinstance(told, dict) or (told.get("turn_id"), told.get("number")) != (turn_id, number):
            yield "The turn's body is that of another turn"
        tail = value.get("tail", [])
        self._turns[turn_id] = (number, str(value.get("keyframe", "")), len(tail), story)
        if turn_id == ROOT:
            if number or parent:
                yield "The root has the number 0 and no parent"
            return
        if before is None and (gaps or not story):
            return  # kept beside whatever there was
        if before is None:
            yield f"The turn's parent {parent[:64]!r} is not there before it"
        elif not before[3]:
            yield "The turn's parent is no turn of the story"
        elif story and before[0] != -1:
            if number != before[0] + 1:
                yield f"The turn has the number {number}, and its parent {before[0]}"
            elif value["keyframe"] == turn_id:
                yield from self._keyframe(value) if not gaps else ()
            elif (value["keyframe"], len(tail)) != (before[1], before[2] + 1) or tail[-1] != turn_id:
                yield "The turn's tail does not lead to its keyframe"

    def _keyframe(self, value: dict[str, Any]) -> Iterator[str]:
        """The lists that find ancestors hold the turns they should."""
        number = value["number"]
        leaves, blocks = len(value["leaves"]), len(value["blocks"])
        first_leaf = (number - 1) // BLOCK * BLOCK + KEYFRAME
        wanted = {
            "segment": range(number - KEYFRAME + 1, number + 1),
            "leaves": range(first_leaf, first_leaf + KEYFRAME * leaves, KEYFRAME),
            "blocks": range(BLOCK, BLOCK * (blocks + 1), BLOCK),
        }
        whole = number % KEYFRAME == 0 and leaves == (number - first_leaf) // KEYFRAME + 1 and blocks == number // BLOCK
        for name, numbers in wanted.items():
            held = [self._turns.get(turn_id, (None, "", 0, True))[0] for turn_id in value[name]]
            whole = whole and len(held) == len(numbers)
            whole = whole and all(one in (wanted, -1) for one, wanted in zip(held, numbers, strict=True))
        if not whole or not isinstance(value.get("snapshot"), dict | str):
            yield "The keyframe's lists do not lead to its ancestors"

    def _ended(self) -> Iterator[str]:
        if not self.counts["session"]:
            yield "The story has no session"
        elif self._active is not None and self._active not in self._heads:
            yield f"The session is on a branch {self._active[:40]!r} that is not there"
        if ROOT not in self._turns:
            yield "The story has no root"
        for name, (head, number) in self._heads.items():
            turn = self._turns.get(head)
            if turn is None or not turn[3] or turn[0] not in (number, -1):
                yield f"The branch {name[:40]!r} stands on a turn that is not there"
