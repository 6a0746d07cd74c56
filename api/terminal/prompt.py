"""The line at which a player types: history across sittings, completion of verbs and of what is in sight."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from agents.errors import StoryError
from agents.world.view import View
from agents.world.vocabulary import VERBS
from api.terminal.steering import USAGE

if TYPE_CHECKING:
    from agents.safety.screen import Screen
    from api.terminal.places import Place
    from graphs.engine import StoryEngine
    from graphs.settings import Settings

LOOK_S = 2.0
"""Longest wait for what can be named, before a prompt on a server's story."""


class SightCompleter(Completer):
    """Completes the first word to a verb, later ones to what makes sense after it: what is here, ways out, branches."""

    def __init__(self) -> None:
        self.verbs: list[str] = []
        self.names: list[str] = []
        self.after: dict[str, list[str]] = {}
        """What can follow a verb that takes only some things."""

    def see(self, view: View, branches: Sequence[str] = ()) -> None:
        """What can be named from now on."""
        self.verbs = sorted({*VERBS, *view.world.verbs, *USAGE, *view.exits})
        here, carried, people = [_names(view, k) for k in (view.items_here, view.items_carried, view.people)]
        self.names = [*here, *carried, *people, *(detail.replace("_", " ") for detail in view.details)]
        self._order([*view.exits], branches, people, here, carried)

    def see_place(self, place: "Place", branches: Sequence[str] = ()) -> None:
        """As `see`, of a story that a server tells of."""
        things, carried, people = (
            [each["name"].removeprefix("the ") for each in place[kind]] for kind in ("things", "inventory", "people")
        )
        ways = [way["direction"] for way in place["ways"]]
        self.verbs = sorted({*VERBS, *USAGE, *ways})
        self.names = [*things, *carried, *people]
        self._order(ways, branches, people, things, carried)

    def _order(
        self, ways: Sequence[str], branches: Sequence[str], people: list[str], here: list[str], carried: list[str]
    ) -> None:
        self.after = {
            "go": [*ways],
            "load": [*branches],
            "switch": [*branches],
            "save": [],
            "undo": [],
            "attempt": [],
        }
        self.after |= dict.fromkeys(("ask", "tell", "talk"), people)
        self.after |= dict.fromkeys(("take", "get"), here) | {"drop": carried}

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        del complete_event
        before = document.text_before_cursor.lstrip().lower()
        words = before.split(" ")
        if len(words) == 1:
            yield from (Completion(v, start_position=-len(words[0])) for v in self.verbs if v.startswith(words[0]))
            return
        # After the first name anything can follow: `ask Maren about the bell`.
        second, last = len(words) == 2, words[-1]
        offered = self.after.get(words[0], self.names) if second else self.names
        for name in dict.fromkeys(offered):
            chosen = second and words[0] in self.after
            if (last or chosen) and any(part.startswith(last) for part in name.lower().split()):
                yield Completion(name, start_position=-len(last))


def _names(view: View, keys: Iterable[str]) -> list[str]:
    return [view.name(key).removeprefix("the ") for key in keys]


def _opened(settings: "Settings", screen: "Screen") -> tuple[PromptSession[str], SightCompleter]:
    completer = SightCompleter()
    history = _history(settings, screen)
    return PromptSession(history=history, completer=completer, complete_while_typing=False), completer


async def read_lines(engine: "StoryEngine", session: str) -> AsyncGenerator[str]:
    """Lines until end of file or Ctrl-C."""
    prompt, completer = _opened(engine.settings, engine.screen)
    ready: list[None] = []

    def shown(_: object) -> None:
        """What the first turn needs is fetched while the player reads: begun before, it would delay the prompt."""
        if not ready:
            ready.append(None)
            engine.prepare_soon()
            engine.screen.warm_soon()

    prompt.app.after_render += shown
    while True:
        position = await engine.position(session)
        branches = [branch["name"] for branch in await engine.branches(session)]
        completer.see(View(await engine.world(session), position["slots"]), branches)
        try:
            yield await prompt.prompt_async("> ")
        except (EOFError, KeyboardInterrupt):
            return


async def read_far_lines(
    settings: "Settings", screen: "Screen", look: "Callable[[], Awaitable[tuple[Place, list[str]]]]"
) -> AsyncGenerator[str]:
    """As `read_lines`, of a story that a server tells of; `look` gives what can be named."""
    prompt, completer = _opened(settings, screen)
    while True:
        with suppress(StoryError, TimeoutError):  # without it there is a prompt all the same
            async with asyncio.timeout(LOOK_S):
                completer.see_place(*await look())
        try:
            yield await prompt.prompt_async("> ")
        except (EOFError, KeyboardInterrupt):
            return


class PrivateHistory(FileHistory):
    """What was typed before; the words of a person at risk are kept for nobody to find."""

    def __init__(self, filename: str, screen: "Screen") -> None:
        super().__init__(filename)
        self._screen = screen

    def store_string(self, string: str) -> None:
        if self._screen.action(string)["tier"] == "none":
            super().store_string(string)


def _history(settings: "Settings", screen: "Screen") -> FileHistory | InMemoryHistory:
    """The history beside the other private data; nothing is kept where that folder is not ours."""
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "history"
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return PrivateHistory(str(path), screen)
