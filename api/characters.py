"""The shapes of characters: whom a player may be in a story."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agents.characters import LONGEST_DESCRIPTION, LONGEST_NAME, LONGEST_PRONOUNS, LONGEST_TRAIT, MOST_TRAITS
from api.shapes import Changes, Request

# A name of blanks alone has a length and is none: it is refused as such, and not as a body of the wrong shape.
Name = Annotated[
    str,
    Field(max_length=LONGEST_NAME, description="What the character is called.", json_schema_extra={"minLength": 1}),
]
Pronouns = Annotated[
    str, Field(max_length=LONGEST_PRONOUNS, description="How others speak of the player, in any words.")
]
Description = Annotated[
    str, Field(max_length=LONGEST_DESCRIPTION, description="Who that is, in a few sentences; kept on one line.")
]
Traits = Annotated[
    list[Annotated[str, Field(max_length=LONGEST_TRAIT)]],
    Field(max_length=MOST_TRAITS, description="What the character is like, a word or a few each."),
]
WREN: dict[str, JsonValue] = {
    "name": "Wren",
    "pronouns": "she/her",
    "description": "A ferry pilot who has come home after ten years away.",
    "traits": ["patient", "afraid of heights"],
}


class NewCharacter(Request):
    """A character to be kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [WREN]})

    name: Name
    pronouns: Pronouns = ""
    description: Description = ""
    traits: Traits = []  # noqa: RUF012 - Pydantic copies it


class CharacterChanges(Changes):
    """What can be changed of a character. Empty takes it away, but for the name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pronouns": "they/them"}]})

    name: Name | None = None
    pronouns: Pronouns | None = None
    description: Description | None = None
    traits: Traits | None = None


class PlayedCharacter(BaseModel):
    """Whom a player is in a story. What nobody has said is empty."""

    character: Annotated[str, Field(examples=["0199f3c2b7a14e5d"])]
    name: Annotated[str, Field(examples=[WREN["name"]])]
    pronouns: Annotated[str, Field(examples=[WREN["pronouns"]])]
    description: Annotated[str, Field(examples=[WREN["description"]])]
    traits: Annotated[list[str], Field(examples=[WREN["traits"]])]


class CharacterAnswer(PlayedCharacter):
    """A character that a player keeps."""

    created: Annotated[str, Field(examples=["2026-11-24T04:00:00+00:00"])]
    changed: Annotated[str, Field(examples=["2026-11-24T04:20:00+00:00"])]


class CharacterList(BaseModel):
    """All of a player's characters, those made first first, and how many there may be."""

    characters: list[CharacterAnswer]
    most: Annotated[int, Field(examples=[12])]
