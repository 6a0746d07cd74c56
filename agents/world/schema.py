"""The shape of a world file: what an author may write under `prompts/worlds/`.

The JSON schema published beside the worlds (`prompts/worlds/world.schema.json`) is made from these models, and a test
keeps the two equal. What a schema cannot say (every exit leads somewhere, every goal can be reached) is in `check.py`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Condition = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120),
    Field(description="`lamp.lit`, `not door.open`, `world.letters >= 3`, `key in drawer`, `player has key`, ..."),
]
Effect = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120),
    Field(description="`lamp.lit = true`, `world.letters += 1`, `move key to player`, `move wren to nowhere`"),
]
StateValue = bool | int | str
Preposition = Literal[
    "in",
    "on",
    "at",
    "by",
    "under",
    "inside",
    "outside",
    "aboard",
    "beside",
    "behind",
    "below",
    "above",
    "near",
    "among",
    "on top of",
    "in front of",
    "at the top of",
    "at the bottom of",
]
Direction = Literal[
    "north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest", "up", "down", "in", "out"
]


class Part(BaseModel):
    """Unknown keys are faults: a misspelt key must not be a rule that silently never fires."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Case(Part):
    """A line that is said only while its conditions hold."""

    when: list[Condition] = []
    says: Line


Said = Line | Case
"""A line, or a line with conditions. In a list the first whose conditions hold is said."""

Heart = dict[Id, list[Line]]
"""Answers to feelings and small social words, by kind (`prompts/heart/heart.yaml` lists the kinds). {Who} is the person,
{so} `that you are nervous`, in the player's own word."""


class Tone(Part):
    """How the story sounds. `textures` are clauses that are true at any time and anywhere in this world."""

    mood: Line
    avoid: list[Line] = []
    textures: list[Line] = Field(min_length=12, description="lower-case clauses without a full stop")


class Detail(Part):
    """Scenery: can be examined, never moved."""

    text: Line
    aliases: list[Line] = []


class Exit(Part):
    """A way out of a location. `door` is an item that must be open; `when` are conditions that must hold."""

    to: Id
    door: Id | None = None
    when: list[Condition] = []
    blocked: Line = Field("", description="what the player reads when `when` does not hold")
    passing: Line = Field("", description="told the first time the player goes this way")


class Location(Part):
    name: Line = Field(description="with its article: `the boat shed`")
    preposition: Preposition = Field(
        "in", description="before the name, where one is there: `on` the bridge, `at` the gate"
    )
    aliases: list[Line] = []
    description: Prose = Field(description="told on the first visit and for the first `look`")
    again: list[Line] = Field([], description="short tellings for later visits, each used once before any is reused")
    textures: list[Line] = Field([], description="lower-case clauses that are always true here")
    details: dict[str, Detail | Line] = {}
    exits: dict[Direction, Exit | Id] = {}
    items: list[Id] = Field([], description="another way to place items; an item is placed here or by its own `in`")
    states: dict[Id, StateValue] = {}


class Item(Part):
    name: Line = Field(description="without article: `brass lamp`")
    article: Literal["a", "an", "the", "some", "your", ""] | None = None
    plural: bool | None = Field(None, description="needed only where the name does not show it: `lens`, `sheep`")
    aliases: list[Line] = []
    in_: str | None = Field(
        None, alias="in", description="a location, container, surface, character, player or nowhere"
    )
    description: Prose
    again: list[Line] = []
    placed: Line = Field("", description="how it is seen where it lies at the beginning: `A lamp hangs by the door.`")
    portable: bool = True
    scenery: bool = Field(False, description="not listed among what lies here; can be examined and used")
    door: bool = False
    container: bool = False
    surface: bool = False
    openable: bool = False
    open: bool = False
    lockable: bool = False
    locked: bool = False
    key: Id | None = None
    read: Prose | None = None
    refuses: dict[Id, Line] = Field(
        {}, description="by verb, what is said where nothing comes of it: `open: It is shut.`"
    )
    states: dict[Id, StateValue] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, populate_by_name=True)


class Topic(Part):
    """What a character says when asked. `says` the first time, `again` after that, `otherwise` while `when` fails."""

    says: Prose
    again: list[Line] = []
    called: Line = Field("", description="how one speaks of it, where the id does not say: `the supply boat`")
    aliases: list[Line] = []
    when: list[Condition] = []
    otherwise: list[Said] | Line = ""
    effects: list[Effect] = []


class Gift(Part):
    """What happens when the player gives an item. Without `keeps` the character hands it back."""

    says: Prose
    when: list[Condition] = []
    otherwise: list[Said] | Line = ""
    effects: list[Effect] = []
    keeps: bool = True


class Character(Part):
    name: Line
    aliases: list[Line] = []
    pronoun: Literal["she", "he", "they", "it"]
    in_: str = Field(alias="in")
    description: Prose
    again: list[Line] = []
    wants: Line
    knows: list[Line] = Field([], description="for the narrator: what this character may speak of")
    silent: bool = Field(False, description="never speaks aloud: no stock line gives this character words")
    handed_back: list[Line] = Field([], description="said in turn over a thing that this character does not want")
    present: list[Said] = Field([], description="how the player sees this character on coming in or looking round")
    heart: Heart = Field({}, description="this character's manner of taking a feeling, thanks, a hug, a joke")
    greeting: list[Line] = Field(
        min_length=2, description="the first is for the first meeting; quotation marks included"
    )
    gestures: list[Said] = Field(min_length=3, description="clauses with the name: `Maren turns the cup in her hands`")
    unsure: list[Line] = Field(min_length=2, description="for topics that are not known; quotation marks included")
    topics: dict[str, Topic] = {}
    gifts: dict[Id, Gift] = {}
    states: dict[Id, StateValue] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, populate_by_name=True)


class Goal(Part):
    """Reached when all of `when` hold. All that are not optional must be reached to win."""

    title: Line
    when: list[Condition] = Field(min_length=1)
    hint: list[Said] | Line = Field(description="a list tells one next step at a time: the first whose `when` holds")
    done: Prose
    optional: bool = False
    effects: list[Effect] = []


class Rule(Part):
    """What an action does in this world. The first rule that matches with its conditions fulfilled decides.

    `on` are commands with ids: `ring bell`, `use matches on lamp`, `wait`. `here` limits the rule to locations.
    """

    on: list[Line] = Field(min_length=1)
    here: list[Id] = []
    when: list[Condition] = []
    says: Prose
    again: list[Line] = Field([], description="for every later time")
    otherwise: list[Said] | Line = ""
    effects: list[Effect] = []
    once: bool = False


class Consequence(Part):
    """Something that follows later: armed when `when` first holds, happens `after` turns on, unless `unless` holds."""

    when: list[Condition] = Field(min_length=1)
    after: int = Field(ge=1, le=50)
    unless: list[Condition] = []
    says: Prose
    elsewhere: Line = Field("", description="told instead when the player is not in `here`")
    here: list[Id] = Field([], description="where it can be seen; empty: everywhere")
    effects: list[Effect] = []


class Technique(Part):
    """A therapeutic technique that the narrator may offer, at most once in three turns, when its conditions hold."""

    name: Line
    when: list[Condition] = []
    here: list[Id] = []
    invitation: list[Line] = Field(min_length=2, description="gentle, optional, in the world's own pictures")


class Invariant(Part):
    """A rule of the world that no change may break."""

    never: list[Condition] = Field(min_length=1, description="conditions that must not all hold at once")
    because: Line


class World(Part):
    """One world: everything that a story needs, written by an author."""

    world: Id
    title: Line
    summary: Line
    version: int = Field(1, ge=1)
    tone: Tone
    opening: Prose
    start: Id
    capacity: int = Field(12, ge=1, le=50, description="how many things the player can carry")
    heart: Heart = Field(
        {}, description="how this world answers a feeling or a small social word; without it, the defaults"
    )
    states: dict[Id, StateValue] = Field({}, description="the world's own states, read as `world.NAME`")
    relations: dict[Id, Literal["one", "many"]] = Field(
        {"feels": "one", "promised": "many", "remembers": "many"},
        description="soft facts that the narrator may add about the player or a character",
    )
    verbs: dict[Id, list[Line]] = Field({}, description="this world's own verbs and their synonyms")
    locations: dict[Id, Location] = Field(min_length=1)
    items: dict[Id, Item] = {}
    characters: dict[Id, Character] = {}
    goals: dict[Id, Goal] = Field(min_length=1)
    rules: dict[Id, Rule] = {}
    consequences: dict[Id, Consequence] = {}
    invariants: dict[Id, Invariant] = {}
    techniques: dict[Id, Technique] = {}
    ending: Prose
