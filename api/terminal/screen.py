"""What a sitting looks like: on a terminal, as plain text for a script, as JSON for a program."""

import re
import sys
from pathlib import Path
from typing import Any, Protocol

from typing_extensions import TypedDict

from agents.errors import InvalidSetting, StoryError
from agents.story import Turn
from agents.world.view import visible_changes
from api.cli.output import console, counted, print_json
from api.terminal.places import Place
from api.terminal.steering import STEERING


class Named(TypedDict):
    """What a screen tells of a session."""

    session: str
    world: str


class Screen(Protocol):
    """Everything that a sitting shows."""

    async def opening(self, title: str, session: Named, root: Turn) -> None: ...
    async def welcome_back(self, title: str, session: Named, recap: str, recovered: Turn | None) -> None: ...
    def begin_turn(self, action: str) -> None: ...
    async def sentence(self, text: str) -> None: ...
    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], place: Place) -> None: ...
    def steering(self) -> None: ...
    def place(self, place: Place) -> None: ...
    def note(self, what: str, text: str, **data: object) -> None: ...
    def mistake(self, error: StoryError) -> None: ...
    def problem(self, action: str, error: StoryError) -> None: ...
    def goodbye(self, session: str) -> None: ...
    def done(self, *, won: bool, turns: int, session: str, unplayed: int | None = None) -> None: ...


class PlainScreen(Screen):
    """Text without colour: prose, and the action before it."""

    steers = STEERING
    """The words of `steering`."""
    beside = ""
    """What `tta play` needs to go on beside the session: the server, where it is kept on one."""

    async def opening(self, title: str, session: Named, root: Turn) -> None:
        self._say(f"{title}  (session {session['session']})\n\n{root['narration']}")

    async def welcome_back(self, title: str, session: Named, recap: str, recovered: Turn | None) -> None:
        self._say(f"{title}  (session {session['session']})\n\n{recap}")

    def begin_turn(self, action: str) -> None:
        self._say(f"\n> {action}")

    async def sentence(self, text: str) -> None:
        sys.stdout.write(text + " ")
        sys.stdout.flush()

    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], place: Place) -> None:
        self._say("")

    def steering(self) -> None:
        """Behind a `help`: what steers the sitting itself."""
        self._say(f"\n{self.steers}")

    def place(self, place: Place) -> None:
        del place

    def note(self, what: str, text: str, **data: object) -> None:
        del what, data
        self._say(text)

    def mistake(self, error: StoryError) -> None:
        if error.help:
            self._say(str(error.help.get("text", "")))
        self._say(error.line())

    def problem(self, action: str, error: StoryError) -> None:
        """The line on stderr has said it."""

    def goodbye(self, session: str) -> None:
        self._say(f"Your story is kept. Go on with: tta play --session {session}{self.beside}")

    def done(self, *, won: bool, turns: int, session: str, unplayed: int | None = None) -> None:
        del unplayed
        self._say(f"\n{'The story is won' if won else 'The script has ended'} after {counted(turns, 'turn')}.")
        PlainScreen.goodbye(self, session)

    @staticmethod
    def _say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class JsonScreen(PlainScreen):
    """One JSON object a turn; a first one for where the sitting begins and a last one with `done`."""

    async def opening(self, title: str, session: Named, root: Turn) -> None:
        del title
        print_json({"session": session["session"], "world": session["world"], "opening": root["narration"]})

    async def welcome_back(self, title: str, session: Named, recap: str, recovered: Turn | None) -> None:
        del title
        again = {"recovered": recovered["number"]} if recovered else {}
        print_json({"session": session["session"], "world": session["world"], "recap": recap, **again})

    def begin_turn(self, action: str) -> None:
        del action

    async def sentence(self, text: str) -> None:
        del text

    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], place: Place) -> None:
        print_json(turn_object(turn, action, timings_ms, place))

    def steering(self) -> None:
        """A program has read what it can send: one object a turn stays one."""

    def note(self, what: str, text: str, **data: object) -> None:
        print_json({"command": what, "text": text, **data})

    def mistake(self, error: StoryError) -> None:
        self.problem("", error)

    def problem(self, action: str, error: StoryError) -> None:
        del action
        told = {"code": error.code, "cause": error.cause, "cure": error.cure}
        choices = {"choices": list(error.choices)} if error.choices else {}
        print_json({"error": {**told, **choices, **({"help": error.help} if error.help else {})}})

    def goodbye(self, session: str) -> None:
        print_json({"done": False, "session": session})

    def done(self, *, won: bool, turns: int, session: str, unplayed: int | None = None) -> None:
        stopped = {} if unplayed is None else {"unplayed": unplayed}
        print_json({"done": True, "won": won, "turns": turns, "session": session, **stopped})


def turn_object(turn: Turn, action: str, timings_ms: dict[str, float], place: Place) -> dict[str, Any]:
    """A turn as `tta play --json` prints it; the README documents the shape."""
    return {
        "turn": turn["number"],
        "turn_id": turn["turn_id"],
        "branch": turn["branch"],
        "kind": turn["kind"],
        "action": action,
        "narration": turn["narration"],
        "choices": turn["choices"],
        "location": turn["location"],
        "people": [person["name"] for person in place["people"]],
        "exits": [way["direction"] for way in place["ways"]],
        "inventory": turn["inventory"],
        "goals": turn["goals"],
        "changes": visible_changes(turn["changes"]),
        "verdicts": turn["verdicts"],
        "usage": turn["usage"],
        "timings_ms": timings_ms,
    }


class RichScreen(PlainScreen):
    """Colour, wrapped prose, and below it where you are and what you could do."""

    def __init__(self, *, picture: Path | None = None) -> None:
        self.console = console(record=picture is not None)
        self._picture = picture
        self._column = 0
        self._choices: list[str] = []

    async def opening(self, title: str, session: Named, root: Turn) -> None:
        self.console.rule(title, style="green")
        for paragraph in root["narration"].split("\n\n"):
            self.console.print(f"\n{paragraph}")
        self._choices = [choice["label"] for choice in root["choices"]]
        self.console.print(f"\nsession {session['session']} - {STEERING_LINE}", style="dim")

    async def welcome_back(self, title: str, session: Named, recap: str, recovered: Turn | None) -> None:
        self.console.rule(title, style="green")
        self.console.print(f"\nWelcome back. {recap}")
        self.console.print(f"\nsession {session['session']} - {STEERING_LINE}", style="dim")

    def begin_turn(self, action: str) -> None:
        self._column = 0
        if self._picture:  # nobody typed the line, so it is shown
            self.console.print("> ", style="bold cyan", end="")
            self.console.print(action, style="bold")
        self.console.print()

    async def sentence(self, text: str) -> None:
        """Word by word within the terminal's width: prose appears as it is released."""
        for paragraph_index, paragraph in enumerate(text.split("\n\n")):
            if paragraph_index:
                self._write("\n\n")
                self._column = 0
            for word in paragraph.split():
                if self._column and self._column + 1 + len(word) > min(self.console.width, 100) - 2:
                    self._write("\n")
                    self._column = 0
                self._write((" " if self._column else "") + word)
                self._column += len(word) + (1 if self._column else 0)

    def _write(self, text: str) -> None:
        self.console.out(text, end="", highlight=False)

    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], place: Place) -> None:
        del action, timings_ms, place
        self._write("\n")
        self._choices = [choice["label"] for choice in turn["choices"]]

    def steering(self) -> None:
        self.console.print(f"\n{self.steers}", style="dim")

    def place(self, place: Place) -> None:
        self.console.print(place_panel(place, self._choices))

    def note(self, what: str, text: str, **data: object) -> None:
        del data
        if what in ("undo", "load", "resume", "attempt"):
            self._choices = []  # those of a turn that is no longer the last
        self.console.print(text, style="dim")

    def mistake(self, error: StoryError) -> None:
        if error.help:
            self.console.print(str(error.help.get("text", "")))
        self.console.print(error.line(), style="yellow")

    def done(self, *, won: bool, turns: int, session: str, unplayed: int | None = None) -> None:
        if not self._picture:
            super().done(won=won, turns=turns, session=session, unplayed=unplayed)
            return
        try:
            self.console.save_svg(str(self._picture), title="tta play", code_format=_without_web_fonts())
        except OSError as error:
            raise InvalidSetting(
                f"The picture cannot be written: {error.strerror}", place=str(self._picture), cure="Check the path."
            ) from None
        self._say(f"Drawn into {self._picture}.")

    def goodbye(self, session: str) -> None:
        self.console.print("\nYour story is kept. Go on with: ", style="dim", end="")
        self.console.print(f"tta play --session {session}{self.beside}")


STEERING_LINE = "help, undo, retry, save NAME, load NAME, branches, resume, quit"


def _without_web_fonts() -> str:
    """Rich's picture without the fonts that it would fetch from the web: a picture of ours asks no other host."""
    from rich._export_format import CONSOLE_SVG_FORMAT  # noqa: PLC0415

    return re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code", "monospace")


def place_panel(place: Place, choices: list[str]) -> Any:
    """Where you are, the ways out, what you carry, what is still to do, what you could do next."""
    from rich.panel import Panel  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    ways = [f"{way['direction']} ({way['to']})" if way["to"] else way["direction"] for way in place["ways"]]
    goals = [goal["title"] for goal in place["goals"] if not goal["done"] and not goal["optional"]]
    rows = {
        "ways": ", ".join(ways),
        "here": ", ".join(each["name"] for each in [*place["people"], *place["things"]]),
        "you have": ", ".join(each["name"] for each in place["inventory"]),
        "goals": "; ".join(goals) or "all done",
        "perhaps": ""
        if place["paused"]
        else " / ".join(choices or [text[:1].upper() + text[1:] for text in place["choices"]]),
        "paused": "say `resume` when you want to go on" if place["paused"] else "",
    }
    for label, text in rows.items():
        if text:
            grid.add_row(label, Text(text))
    at = (f" turn {place['number']}, {place['branch']}", "dim")
    title = Text.assemble(place["location"]["name"], at)  # a string would be read as markup
    return Panel(grid, title=title, title_align="left", border_style="dim")
