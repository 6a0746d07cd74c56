"""Whom the player of `tta play` is: one of the player's characters, by its id or its name. A name of none makes one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agents.characters import Protagonist, check_protagonist
from agents.errors import InvalidInput

if TYPE_CHECKING:
    from api.client import Client
    from graphs.engine import StoryEngine


def check_name(asked: str) -> str:
    """The name on one line. Raises InvalidInput for one that no character can have."""
    return check_protagonist(Protagonist(character="", name=asked, pronouns="", description="", traits=[]))["name"]


async def cast_here(engine: "StoryEngine", asked: str, *, player: str = "player") -> str:
    """The character's id. Raises Conflict where there are as many as there may be."""
    kept = await engine.characters(player)
    there = _one_of(((each["character"], each["name"]) for each in kept), asked)
    return there or (await engine.create_character(player, check_name(asked)))["character"]


async def cast_there(client: "Client", asked: str) -> str:
    """The same of whoever is logged in at a server."""
    kept = (await client.characters.list()).characters
    there = _one_of(((each.character, each.name) for each in kept), asked)
    return there or (await client.characters.create(check_name(asked))).character


def check_cast(asked: str, has: Protagonist | None) -> None:
    """A session keeps whom it was begun with. Raises InvalidInput where another is asked for."""
    if asked and not (has and _one_of([(has["character"], has["name"])], asked)):
        raise InvalidInput(
            f"The session was begun with --character {has['name']}"
            if has
            else "The session was begun without --character",
            cure="Leave --character out to go on with it, or begin a new session without --session.",
        )


def _one_of(kept: Iterable[tuple[str, str]], asked: str) -> str:
    """By id, or else by name; empty where it is none of them."""
    pairs, name = list(kept), " ".join(asked.split()).casefold()
    by_id = [character for character, _ in pairs if character == asked]
    return next(iter(by_id + [character for character, called in pairs if called.casefold() == name]), "")
