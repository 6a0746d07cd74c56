"""Characters: whom a player is in a story. A player's own words, bounded, on one line each, and never an instruction.

A session keeps a copy (`Protagonist`) from its beginning, so a character that is changed or removed changes no story. The
narrator is told of it within the scene (`introduce`), behind the same fence.
"""

from typing import NotRequired

from typing_extensions import TypedDict

from agents.errors import InvalidInput
from agents.narrative.rechecked import why_not
from agents.safety.clean import clean
from agents.safety.sentences import split_sentences
from agents.safety.telling import Telling

LONGEST_NAME = 60
LONGEST_PRONOUNS = 40
LONGEST_DESCRIPTION = 400
LONGEST_TRAIT = 40
MOST_TRAITS = 6


class Protagonist(TypedDict):
    """Whom the player is. `character` is its id; what nobody has said is empty."""

    character: str
    name: str
    pronouns: str
    """How others speak of the player: `she/her`, or in any words."""
    description: str
    traits: list[str]


class Character(Protagonist):
    """One that a player keeps. `created` and `changed` are ISO 8601."""

    created: str
    changed: str


class Introduced(TypedDict):
    """What a narrator is told of whom the player is."""

    name: NotRequired[str]
    pronouns: NotRequired[str]
    description: NotRequired[str]
    traits: NotRequired[list[str]]


def check_protagonist(given: Protagonist) -> Protagonist:
    """The same with each text on one line, empty and repeated traits left out. Raises InvalidInput for a name that cannot be
    seen, what is too long, or more than MOST_TRAITS.
    """
    traits = [_line(trait, "trait", LONGEST_TRAIT) for trait in given["traits"]]
    traits = list({trait.casefold(): trait for trait in traits if trait}.values())
    if len(traits) > MOST_TRAITS:
        raise InvalidInput(f"{len(traits)} traits; {MOST_TRAITS} are the most", cure="Leave some out.")
    name = _line(given["name"], "name", LONGEST_NAME)
    if not any(each.isprintable() and not each.isspace() for each in name):
        raise InvalidInput("A character needs a name that can be seen", cure="Say what the character is called.")
    return Protagonist(
        character=given["character"],
        name=name,
        pronouns=_line(given["pronouns"], "pronouns", LONGEST_PRONOUNS),
        description=_line(given["description"], "description", LONGEST_DESCRIPTION),
        traits=traits,
    )


def _line(text: str, what: str, longest: int) -> str:
    plain = " ".join(text.split())
    if clean(plain) != plain:
        raise InvalidInput(
            f"The character's {what} holds what no terminal can bear", cure="Say it in plain characters."
        )
    if len(plain) > longest:
        raise InvalidInput(f"A character's {what} has at most {longest} characters", cure="Say it shorter.")
    return plain


def _texts_of(given: Protagonist) -> list[str]:
    """What the player wrote, text by text."""
    return [text for text in (given["name"], given["pronouns"], given["description"], *given["traits"]) if text]


def introduce(given: Protagonist, telling: Telling) -> Introduced:
    """What the narrator is told: without what is meant for a model and not for a story, and without what the player avoids
    by now. Rules change and stories are imported, so that is looked at again in each turn.
    """

    def bears(text: str) -> bool:
        return not why_not(text, telling, spoken=True)

    name, pronouns, description, traits = given["name"], given["pronouns"], given["description"], given["traits"]
    if not bears("\n".join(_texts_of(given))):
        name, pronouns = (text if bears(text) else "" for text in (name, pronouns))
        description = " ".join(sentence for sentence in split_sentences(description) if bears(sentence))
        description = description if bears(description) else ""
        traits = list(filter(bears, traits))
    told = Introduced()
    if name:
        told["name"] = name
    if pronouns:
        told["pronouns"] = pronouns
    if description:
        told["description"] = description
    if traits:
        told["traits"] = [*traits]
    return told
