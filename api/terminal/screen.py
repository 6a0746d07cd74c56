"""What a sitting looks like: on a terminal, as plain text for a script, as JSON for a program."""

import re
import sys
from pathlib import Path
from typing import Any, Protocol

from agents.errors import InvalidSetting, StoryError
from agents.story import Turn
from agents.world.schema import World
from agents.world.view import View, visible_changes
from api.cli.output import console, counted, print_json
from api.terminal.steering import STEERING
from graphs.memory.shapes import Position, Session


class Screen(Protocol):
    """Everything that a sitting shows."""

    async def opening(self, world: World, session: Session, root: Turn) -> None: ...
    async def welcome_back(self, world: World, session: Session, recap: str, recovered: Turn | None) -> None: ...
    def begin_turn(self, action: str) -> None: ...
    async def sentence(self, text: str) -> None: ...
    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], view: View) -> None: ...
    def steering(self) -> None: ...
    def place(self, world: World, position: Position) -> None: ...
    def note(self, what: str, text: str, **data: object) -> None: ...
    def mistake(self, error: StoryError) -> None: ...
    def problem(self, action: str, error: StoryError) -> None: ...
    def goodbye(self, session: str) -> None: ...
    def done(self, *, won: bool, turns: int, session: str, unplayed: int | None = None) -> None: ...


class PlainScreen(Screen):
    """Text without colour: prose, and the action before it."""

    async def opening(self, world: World, session: Session, root: Turn) -> None:
        self._say(f"{world.title}  (session {session['session']})\n\n{root['narration']}")

    async def welcome_back(self, world: World, session: Session, recap: str, recovered: Turn | None) -> None:
        self._say(f"{world.title}  (session {session['session']})\n\n{recap}")

    def begin_turn(self, action: str) -> None:
        self._say(f"\n> {action}")

    async def sentence(self, text: str) -> None:
        sys.stdout.write(text + " ")
        sys.stdout.flush()

    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], view: View) -> None:
        self._say("")

    def steering(self) -> None:
        """Behind a `help`: what steers the sitting itself."""
        self._say(f"\n{STEERING}")

    def place(self, world: World, position: Position) -> None:
        del world, position

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
        self._say(f"Your story is kept. Go on with: tta play --session {session}")

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

    async def opening(self, world: World, session: Session, root: Turn) -> None:
        del world
        print_json({"session": session["session"], "world": session["world"], "opening": root["narration"]})

    async def welcome_back(self, world: World, session: Session, recap: str, recovered: Turn | None) -> None:
        del world
        again = {"recovered": recovered["number"]} if recovered else {}
        print_json({"session": session["session"], "world": session["world"], "recap": recap, **again})

    def begin_turn(self, action: str) -> None:
        del action

    async def sentence(self, text: str) -> None:
        del text

    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], view: View) -> None:
        print_json(turn_object(turn, action, timings_ms, view))

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


def turn_object(turn: Turn, action: str, timings_ms: dict[str, float], view: View) -> dict[str, Any]:
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
        "people": [view.name(key) for key in view.people],
        "exits": list(view.exits),
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

    async def opening(self, world: World, session: Session, root: Turn) -> None:
        self.console.rule(world.title, style="green")
        for paragraph in root["narration"].split("\n\n"):
            self.console.print(f"\n{paragraph}")
        self._choices = [choice["label"] for choice in root["choices"]]
        self.console.print(f"\nsession {session['session']} - {STEERING_LINE}", style="dim")

    async def welcome_back(self, world: World, session: Session, recap: str, recovered: Turn | None) -> None:
        self.console.rule(world.title, style="green")
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

    def end_turn(self, turn: Turn, action: str, timings_ms: dict[str, float], view: View) -> None:
        del action, timings_ms, view
        self._write("\n")
        self._choices = [choice["label"] for choice in turn["choices"]]

    def steering(self) -> None:
        self.console.print(f"\n{STEERING}", style="dim")

    def place(self, world: World, position: Position) -> None:
        self.console.print(place_panel(world, position, self._choices))

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

    def goodbye(self, session: str) -> None:
        self.console.print("\nYour story is kept. Go on with: ", style="dim", end="")
        self.console.print(f"tta play --session {session}")


STEERING_LINE = "help, undo, retry, save NAME, load NAME, branches, resume, quit"


def _without_web_fonts() -> str:
    """Rich's picture without the fonts that it would fetch from the web: a picture of ours asks no other host."""
    from rich._export_format import CONSOLE_SVG_FORMAT  # noqa: PLC0415

    return re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code", "monospace")


def place_panel(world: World, position: Position, choices: list[str]) -> Any:
    """Where you are, the ways out, what you carry, what is still to do, what you could do next."""
    from rich.panel import Panel  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    view = View(world, position["slots"])
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    known = {d: view.world.locations[w.to].name for d, w in view.exits.items() if view.count(w.to, "visits")}
    ways = [f"{direction} ({known[direction]})" if direction in known else direction for direction in view.exits]
    goals = [g.title for k, g in world.goals.items() if not view.get(k, "done") and not g.optional]
    rows = {
        "ways": ", ".join(ways),
        "here": ", ".join([world.characters[k].name for k in view.people] + [view.name(k) for k in view.listed_here()]),
        "you have": ", ".join(view.name(k) for k in view.inventory),
        "goals": "; ".join(goals) or "all done",
        "perhaps": ""
        if position["paused"]
        else " / ".join(choices or [text[:1].upper() + text[1:] for text in position["choices"]]),
        "paused": "say `resume` when you want to go on" if position["paused"] else "",
    }
    for label, text in rows.items():
        if text:
            grid.add_row(label, Text(text))
    at = (f" turn {position['number']}, {position['branch']}", "dim")
    title = Text.assemble(view.location.name, at)  # a string would be read as markup
    return Panel(grid, title=title, title_align="left", border_style="dim")
