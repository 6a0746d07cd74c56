"""Players: their profile, how far they have come, a short way to act, all that is theirs, and all of it gone."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from api.client.lines import lines_of
from api.client.paths import player_path
from api.client.turns import TURN_S
from api.client.wire import Asked, Wire, post
from api.players import ActionAnswer, PlayerAnswer, ProgressPage
from graphs.profiles import StoryProgress

ME = "me"


class Players:
    """What the API's `players` do. `me` is whoever asks."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def get(self, player: str = ME) -> PlayerAnswer:
        return await self._wire.ask(Asked("GET", player_path(player)), PlayerAnswer)

    async def change(
        self, player: str = ME, *, name: str | None = None, preferences: dict[str, Any] | None = None
    ) -> PlayerAnswer:
        """Another name, other preferences."""
        said = {"name": name, "preferences": preferences}
        body = {field: value for field, value in said.items() if value is not None}
        return await self._wire.ask(Asked("PATCH", player_path(player), body), PlayerAnswer)

    async def progress(self, player: str = ME, *, page: int = 20) -> AsyncIterator[StoryProgress]:
        """Each of the player's stories, those begun last first."""
        cursor = ""
        while True:
            asked = Asked("GET", f"{player_path(player)}/progress", query={"limit": page, "cursor": cursor})
            found = await self._wire.ask(asked, ProgressPage)
            for story in found.stories:
                yield story
            if not found.cursor:
                return
            cursor = found.cursor

    async def act(self, action: str, player: str = ME, *, key: str = "") -> ActionAnswer:
        """Acts in the session that was played last."""
        asked = post(f"{player_path(player)}/actions", {"action": action}, key=key, wait_s=TURN_S)
        return await self._wire.ask(asked, ActionAnswer)

    def export(self, player: str = ME) -> AsyncGenerator[str]:
        """All that is kept of a player, line by line."""
        return lines_of(self._wire, Asked("GET", f"{player_path(player)}/export"), last="end_player")

    async def delete(self, player: str = ME) -> None:
        """The player's sessions and profile, for good."""
        await self._wire.send(Asked("DELETE", player_path(player)))
