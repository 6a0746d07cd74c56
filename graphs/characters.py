"""The characters' part of StoryEngine: whom a player may be in a story. They are kept with the player's profile."""

from collections.abc import Sequence

from agents.characters import Character, Protagonist, check_protagonist
from agents.errors import Conflict, UnknownCharacter
from graphs.players import Profile
from graphs.profiles import StoryProfiles
from graphs.sessions import check_id

MOST_CHARACTERS = 12
"""So many a player may keep."""


class StoryCharacters(StoryProfiles):
    """Every method raises a StoryError and nothing else. A cry for help is answered with help, and not kept."""

    async def characters(self, player: str) -> list[Character]:
        """The player's, made first first."""
        return (await self.profile(player))["characters"]

    async def character(self, player: str, character: str) -> Character:
        """Raises UnknownCharacter, with the ids of those that there are."""
        return _found(await self.profile(player), character)

    async def create_character(
        self,
        player: str,
        name: str,
        *,
        pronouns: str = "",
        description: str = "",
        traits: Sequence[str] = (),
        character: str = "",
    ) -> Character:
        """One more. The same id again returns the one that is there. Raises InvalidInput (`agents.characters` has the
        limits), and Conflict above MOST_CHARACTERS.
        """
        with self._translated():
            made = self._checked(
                Protagonist(
                    character=check_id(character or self.ids.new()[:16], "character's id"),
                    name=name,
                    pronouns=pronouns,
                    description=description,
                    traits=[*traits],
                )
            )
            async with self._changing(check_id(player, "player id")) as kept:
                if there := [each for each in kept["characters"] if each["character"] == made["character"]]:
                    return there[0]
                if len(kept["characters"]) >= MOST_CHARACTERS:
                    raise Conflict(f"{MOST_CHARACTERS} characters are the most", cure="Delete one first.")
                now = self.clock.now().isoformat()
                kept["characters"].append(Character(**made, created=now, changed=now))
                return kept["characters"][-1]

    async def change_character(
        self,
        player: str,
        character: str,
        *,
        name: str | None = None,
        pronouns: str | None = None,
        description: str | None = None,
        traits: Sequence[str] | None = None,
    ) -> Character:
        """What is given is changed; empty takes it away, but for the name. Stories that were begun with it stay as they
        are. Raises UnknownCharacter, InvalidInput.
        """
        with self._translated():
            async with self._changing(check_id(player, "player id")) as kept:
                was = _found(kept, character)
                changed = self._checked(
                    Protagonist(
                        character=was["character"],
                        name=was["name"] if name is None else name,
                        pronouns=was["pronouns"] if pronouns is None else pronouns,
                        description=was["description"] if description is None else description,
                        traits=was["traits"] if traits is None else [*traits],
                    )
                )
                was.update(Character(**changed, created=was["created"], changed=self.clock.now().isoformat()))
            return was

    async def delete_character(self, player: str, character: str) -> None:
        """Stories that were begun with it keep their copy. Raises UnknownCharacter."""
        with self._translated():
            async with self._changing(check_id(player, "player id")) as kept:
                kept["characters"].remove(_found(kept, character))
            await self.repeats.forget(f"{player}/{character}")

    async def _protagonist(self, player: str, character: str) -> Protagonist:
        """The copy that a session keeps. Raises UnknownCharacter."""
        return check_protagonist(await self.character(player, character))

    def _checked(self, given: Protagonist) -> Protagonist:
        checked = check_protagonist(given)
        # Each by itself: joined, short answers to several questions are read as a sentence that nobody has said.
        self._harmless(checked["name"])
        self._harmless(checked["pronouns"], "pronoun")
        self._harmless(checked["description"], "description")
        for trait in checked["traits"]:
            self._harmless(trait, "trait")
        return checked


def _found(profile: Profile, character: str) -> Character:
    for each in profile["characters"]:
        if each["character"] == character:
            return each
    raise UnknownCharacter(
        f"The player has no character '{character[:64]}'",
        cure="List them, or make one first.",
        choices=[each["character"] for each in profile["characters"]],
    )
