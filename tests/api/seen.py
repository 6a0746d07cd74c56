"""A sitting as a test sees it: a screen that remembers, and a script of lines."""

from typing import Any

from agents.errors import StoryError
from api.terminal.play import Play
from api.terminal.screen import PlainScreen
from api.terminal.scripts import Line, each
from api.terminal.steering import STEERING

DANGER = "I want to end my life tonight"


class Seen(PlainScreen):
    """A screen that remembers what it was given."""

    def __init__(self) -> None:
        self.turns: list[Any] = []
        self.notes: list[dict[str, Any]] = []
        self.errors: list[StoryError] = []
        self.said: list[str] = []
        self.places: list[Any] = []
        self.ended: dict[str, Any] = {}

    async def opening(self, title: str, session: Any, root: Any) -> None:
        self.said.append(root["narration"])

    async def welcome_back(self, title: str, session: Any, recap: str, recovered: Any) -> None:
        self.said.append(recap)

    def begin_turn(self, action: str) -> None:
        self.said.append(f"> {action}")

    async def sentence(self, text: str) -> None:
        self.said.append(text)

    def end_turn(self, turn: Any, action: str, timings_ms: Any, place: Any) -> None:
        self.turns.append(turn)

    def steering(self) -> None:
        self.said.append(STEERING)

    def place(self, place: Any) -> None:
        self.places.append(place)

    def note(self, what: str, text: str, **data: object) -> None:
        self.notes.append({"what": what, "text": text, **data})

    def mistake(self, error: StoryError) -> None:
        self.errors.append(error)

    def problem(self, action: str, error: StoryError) -> None:
        self.errors.append(error)

    def goodbye(self, session: str) -> None:
        self.ended["goodbye"] = session

    def done(self, **ended: Any) -> None:
        self.ended = ended


def seen(play: Play) -> Seen:
    assert isinstance(play.screen, Seen)
    return play.screen


async def follow(play: Play, *lines: str) -> int:
    return await play.follow(each([Line(line, f"script:{number}") for number, line in enumerate(lines, 1)]), len(lines))
