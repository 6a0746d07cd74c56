"""Characters: whom a player may be in a story. A session begins with one: `sessions.create(world, character=ID)`."""

from collections.abc import Sequence
from typing import Any

from api.characters import CharacterAnswer, CharacterList
from api.client.paths import player_path, step
from api.client.players import ME
from api.client.wire import Asked, Wire, post


class Characters:
    """What the API's `characters` do. `me` is whoever asks."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(self, player: str = ME) -> CharacterList:
        """All of them, those made first first."""
        return await self._wire.ask(Asked("GET", _path(player)), CharacterList)

    async def create(
        self,
        name: str,
        player: str = ME,
        *,
        pronouns: str = "",
        description: str = "",
        traits: Sequence[str] = (),
        key: str = "",
    ) -> CharacterAnswer:
        """One more. Raises Conflict where there are as many as there may be."""
        body = {"name": name, "pronouns": pronouns, "description": description, "traits": [*traits]}
        return await self._wire.ask(post(_path(player), body, key=key), CharacterAnswer)

    async def get(self, character: str, player: str = ME) -> CharacterAnswer:
        return await self._wire.ask(Asked("GET", _path(player, character)), CharacterAnswer)

    async def change(
        self,
        character: str,
        player: str = ME,
        *,
        name: str | None = None,
        pronouns: str | None = None,
        description: str | None = None,
        traits: Sequence[str] | None = None,
    ) -> CharacterAnswer:
        """What is given is changed; empty takes it away, but for the name. Stories that were begun stay as they are."""
        said: dict[str, Any] = {"name": name, "pronouns": pronouns, "description": description}
        said["traits"] = None if traits is None else [*traits]
        body = {field: value for field, value in said.items() if value is not None}
        return await self._wire.ask(Asked("PATCH", _path(player, character), body), CharacterAnswer)

    async def delete(self, character: str, player: str = ME) -> None:
        """Stories that were begun with it keep their copy."""
        await self._wire.send(Asked("DELETE", _path(player, character)))


def _path(player: str, character: str = "") -> str:
    return f"{player_path(player)}/characters{f'/{step(character)}' if character else ''}"
