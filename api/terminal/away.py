"""`tta play --server`: whose server, as whom, at which of its sessions."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import typer

from agents.characters import Protagonist
from agents.errors import InvalidInput, StoryError
from agents.safety.screen import Screen as Safety
from api.client import Bearer, Client, LoginNeeded, Password, open_client
from api.schemas import SessionAnswer
from api.terminal.casting import cast_there, check_cast
from api.terminal.far import FarPlay, FarStory, at_terminal
from graphs.settings import Settings, read_settings

if TYPE_CHECKING:
    from api.client.logins import Login
    from api.terminal.screen import Screen
    from api.terminal.sitting import Options


@asynccontextmanager
async def open_far_play(options: "Options", screen: "Screen", *, typed: bool) -> "AsyncGenerator[tuple[FarPlay, bool]]":
    """The sitting, and whether its session is new. Raises InvalidSetting, ServerGone, LoginNeeded."""
    settings = read_settings(**({"data_dir": options.data_dir} if options.data_dir else {}))
    login: Login = Bearer(settings.token.get_secret_value() if settings.token else "")
    try:
        first, new = None, False
        async with open_client(options.server, login=login) as client:
            try:
                first, new = await _session(client, options)
            except LoginNeeded:
                if not typed or settings.token:
                    raise
            if first is not None:
                yield _play(client, settings, first, screen), new
                return
        # Nobody had said who plays: a person at a terminal can.
        async with open_client(options.server, login=_ask_login()) as client:
            first, new = await _session(client, options)
            yield _play(client, settings, first, screen), new
    except StoryError as error:
        raise at_terminal(error)  # noqa: B904 - it is the same error


def _play(client: Client, settings: Settings, first: SessionAnswer, screen: "Screen") -> FarPlay:
    return FarPlay(FarStory(client, Safety.load(settings.safety_dir), settings), first, screen)


def _ask_login() -> Password:
    """A name and a password, typed: neither stands in the command line, where others on the machine could read it."""
    print("The server asks for a login.", file=sys.stderr)
    name: str = typer.prompt("Name", err=True)
    return Password(name, typer.prompt("Password", hide_input=True, err=True))


async def _session(client: Client, options: "Options") -> tuple[SessionAnswer, bool]:
    """The session to play and whether it is new."""
    if options.session:
        found = await client.sessions.get(options.session)
        _check_same(found, options)
        if options.avoid:
            found = await client.sessions.change(found.session, avoid=[*found.avoid, *options.avoid])
        return found, False
    asked: dict[str, Any] = {
        "model": options.model,
        "seed": options.seed,
        "techniques": True if options.techniques else None,
        "avoid": [*options.avoid] or None,
        "character": await cast_there(client, options.character) if options.character else None,
    }
    return await client.sessions.create(options.world, **asked), True


def _check_same(found: SessionAnswer, options: "Options") -> None:
    """A session keeps what it was begun with. Raises InvalidInput where the options ask for something else."""
    played = found.character
    check_cast(options.character, Protagonist(**played.model_dump()) if played else None)
    for flag, asked, has in (
        ("--world", options.world or found.world, found.world),
        ("--seed", found.seed if options.seed is None else options.seed, found.seed),
        ("--model", options.model or found.model, found.model),
        ("--techniques", options.techniques, False),  # a session does not tell it
    ):
        if asked != has:
            raise InvalidInput(
                f"{flag} is settled when a session begins",
                cure=f"Leave {flag} out, or begin a new one without --session.",
            )
