"""The line at which a player types: history across sittings, completion of verbs and of what is in sight."""

from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from agents.world.view import View
from agents.world.vocabulary import VERBS

if TYPE_CHECKING:
    from agents.safety.screen import Screen
    from graphs.engine import StoryEngine

STEERING = ("undo", "retry", "save", "load", "branches", "quit")


class SightCompleter(Completer):
    """Completes the first word to a verb, later ones to names of what is here."""

    def __init__(self) -> None:
        self.verbs: list[str] = []
        self.names: list[str] = []

    def see(self, view: View) -> None:
        """What can be named from now on."""
        self.verbs = sorted({*VERBS, *view.world.verbs, *STEERING, *view.exits})
        keys = [*view.items_here, *view.items_carried, *view.people]
        self.names = [view.name(key).removeprefix("the ") for key in keys]
        self.names += [detail.replace("_", " ") for detail in view.details]

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        del complete_event
        before = document.text_before_cursor.lstrip().lower()
        words = before.split(" ")
        if len(words) == 1:
            yield from (Completion(v, start_position=-len(words[0])) for v in self.verbs if v.startswith(words[0]))
            return
        last = words[-1]
        for name in self.names:
            if last and any(part.startswith(last) for part in name.lower().split()):
                yield Completion(name, start_position=-len(last))


async def read_lines(engine: "StoryEngine", session: str) -> AsyncGenerator[str]:
    """Lines until end of file or Ctrl-C."""
    completer = SightCompleter()
    prompt: PromptSession[str] = PromptSession(
        history=_history(engine), completer=completer, complete_while_typing=False
    )
    while True:
        position = await engine.position(session)
        completer.see(View(await engine.world(session), position["slots"]))
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


def _history(engine: "StoryEngine") -> FileHistory | InMemoryHistory:
    """The history beside the other private data; nothing is kept where that folder is not ours."""
    folder = engine.settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "history"
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return PrivateHistory(str(path), engine.screen)
