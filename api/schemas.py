"""The shapes of requests and answers, with examples. Turns, goals and choices are the house's own (`agents.story`)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.errors import InvalidInput
from agents.safety.topics import LONGEST, MOST
from agents.story import MAX_ACTION, Tier, Turn
from api.characters import PlayedCharacter
from api.shapes import NUMBER, Changes, Flag, Request
from api.standing import Standing
from graphs.queueing import Strategy
from graphs.sessions import ID
from graphs.trace import TraceEntry

ID_PATTERN = f"^{ID.pattern}$"
TURN_ID_PATTERN = r"^[A-Za-z0-9_-]{8,64}$"
"""Eight characters or more, so that no client can name the root."""

TurnId = Annotated[str, Field(pattern=TURN_ID_PATTERN, examples=["0199f3c2b7a14e5d8c6b2f90d1e4a7c3"])]


Topic = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Avoid = Annotated[
    list[Topic],
    Field(
        max_length=MOST,
        description="Topics that the story leaves out, in any words; none of them is told, offered or summarised.",
        examples=[["spiders", "drowning"]],
    ),
]


ActionText = Annotated[
    str, Field(description="What the player does.", json_schema_extra={"minLength": 1, "maxLength": MAX_ACTION})
]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


UNSAID = Field(json_schema_extra=_without_default)
"""Left out it means something else than its default sent: told of one, a generated client would always send it."""


class Preferences(BaseModel):
    """What a player's sessions begin with. Whatever else a client keeps here is given back as it was."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"avoid": ["spiders"], "techniques": True}]}
    )

    avoid: Annotated[Avoid, UNSAID] = []
    techniques: Annotated[Flag, Field(description="Whether stories may offer calming techniques."), UNSAID] = False


class NewSession(Request):
    """A story to begin."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"world": "winter_light", "seed": 7}]})

    world: Annotated[
        str,
        Field(max_length=64, description="A shipped world's id (`GET /api/v1/worlds`); without one, `winter_light`."),
        UNSAID,
    ] = ""
    model: Annotated[str, Field(max_length=120, description="`offline`, `local` or `provider:name`.")] = ""
    seed: Annotated[
        int | None, Field(ge=0, lt=2**31, description="The same seed and actions tell the same."), NUMBER
    ] = None
    title: Annotated[str, Field(max_length=120, description="What the session is called.")] = ""
    techniques: Annotated[Flag, Field(description="Whether the story may offer calming techniques."), UNSAID] = False
    player: Annotated[str, Field(pattern=ID_PATTERN, description="Who plays; without one, whoever asks."), UNSAID] = (
        "player"
    )
    avoid: Annotated[Avoid, UNSAID] = []  # noqa: RUF012 - Pydantic copies it
    character: Annotated[
        str | None,
        Field(pattern=ID_PATTERN, description="One of the player's characters; the session keeps a copy of it."),
    ] = None
    user_id: Annotated[
        str | None, Field(min_length=3, pattern=ID_PATTERN, description="As `player`, for clients of the older TTA.")
    ] = None
    preferences: Annotated[
        Preferences | None,
        Field(description="Of this session, before the player's own; `avoid` and `techniques` go first."),
    ] = None

    def whose(self) -> str | None:
        """The player that is named, by either name; None where none is. Raises InvalidInput for two."""
        given = self.player if "player" in self.model_fields_set else None
        if self.user_id and given and given != self.user_id:
            raise InvalidInput("`player` and `user_id` are two names for one player", cure="Send one of them.")
        return self.user_id or given


class SessionChanges(Changes):
    """What can be changed of a session."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "The night train, again"}]})

    title: Annotated[str | None, Field(max_length=120, description="Empty: the world's own.")] = None
    avoid: Avoid | None = None


class NewTurn(Request):
    """What the player does."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "look around"}]})

    action: ActionText
    turn_id: TurnId | None = None
    multitask_strategy: Annotated[
        Strategy,
        Field(
            description="Where a turn is played already: refuse this one; let it wait (eight at most); cut in, so that the "
            "other one ends with what was told; or take the other one back. The last two drop what waits."
        ),
    ] = "reject"


class QueuedTurn(BaseModel):
    """How a turn stands that was sent: its events can be read along, and asked for at `turn` it is there once it is over."""

    turn_id: str
    session: str
    status: Annotated[Literal["queued", "running", "committed"], Field(examples=["queued"])]
    ahead: Annotated[int, Field(ge=0, description="How many turns are played before it.")]
    turn: Annotated[str, Field(description="Where the turn is: 202 and this until it is over.")]
    events: Annotated[str, Field(description="Where its events are.")]


class StoppedTurn(BaseModel):
    """A turn of which nothing stays."""

    turn_id: str
    status: Literal["cancelled"] = "cancelled"


class Undo(Request):
    """How far back."""

    turns: Annotated[int, Field(ge=1, le=999_999, description="How many turns are taken back."), NUMBER] = 1


class BranchName(Request):
    """A branch, by name, and where it begins: at a turn of the active branch, at any turn by its id, or at the last one."""

    name: Annotated[str, Field(max_length=64, examples=["before the storm"])]
    turn: Annotated[int | None, Field(ge=0, lt=2**53, description="A turn's number; 0 is the beginning."), NUMBER] = (
        None
    )
    turn_id: Annotated[str, Field(max_length=64, description="Also of a turn that was taken back.")] = ""


class BranchAnswer(BaseModel):
    """A named pointer to a turn."""

    name: Annotated[str, Field(examples=["main"])]
    head: Annotated[str, Field(description="The id of its last turn; `root` at the beginning.")]
    number: Annotated[int, Field(ge=0, description="The number of its last turn.")]
    active: Annotated[bool, Field(description="Whether play goes on there.")]
    created: str


class SessionRecord(BaseModel):
    """One player's play of a world."""

    session: Annotated[str, Field(examples=["0199f3c2b7a14e5d"])]
    player: Annotated[str, Field(examples=["player"])]
    title: Annotated[str, Field(examples=["Held at Signals"])]
    world: Annotated[str, Field(examples=["night_train"])]
    world_version: int
    fingerprint: Annotated[str, Field(description="SHA-256 of the world as it was when the session began.")]
    model: Annotated[str, Field(examples=["offline"])]
    seed: int
    risk: Tier
    avoid: Annotated[list[str], Field(description="Topics that the story leaves out.", examples=[["spiders"]])]
    character: Annotated[
        PlayedCharacter | None, Field(description="Whom the player is, as it was said when the session began.")
    ]
    paused: Annotated[bool, Field(description="Whether the story waits for the player's explicit choice to go on.")]
    created: Annotated[str, Field(examples=["2026-11-24T04:00:00+00:00"])]
    played: Annotated[str, Field(examples=["2026-11-24T04:20:00+00:00"])]


class SessionAnswer(SessionRecord):
    """One player's play of a world, and where it stands."""

    position: Standing


class SessionPage(BaseModel):
    """Sessions, those begun last first. `cursor` asks for the next page; null where there is none."""

    sessions: list[SessionRecord]
    cursor: str | None


class TraceAnswer(BaseModel):
    """What each node of a turn read, wrote and took, in order, with placeholders for personal data."""

    turn_id: str
    number: Annotated[int, Field(description="The turn's number; 0 for what was no turn of the story.")]
    nodes: list[TraceEntry]


class NewSessionAnswer(SessionAnswer):
    """A session that has just begun, with its opening: turn 0, whose id is `root`."""

    turn: Turn


class UndoAnswer(SessionAnswer):
    """Where the session stands after an undo, and what was taken back."""

    undone: Annotated[int, Field(ge=0, description="How many turns were taken back.", examples=[2])]
    note: Annotated[str, Field(description="The same in words.", examples=["Back at turn 1: 2 turns taken back."])]


class TurnPage(BaseModel):
    """Turns of the active branch, newest first. `before` asks for the next page; null where there is none."""

    turns: list[Turn]
    before: int | None


class WorldAnswer(BaseModel):
    """A world in a few figures."""

    world: Annotated[str, Field(examples=["night_train"])]
    title: str
    summary: str
    version: int
    locations: int
    items: int
    characters: int
    goals: int
    consequences: int
    techniques: list[str]


class Fault(BaseModel):
    place: Annotated[str, Field(examples=["body.action"])]
    message: Annotated[str, Field(examples=["Field required"])]


class Problem(BaseModel):
    """RFC 9457, with what to do about it. Members that would be empty are left out."""

    type: Annotated[str, Field(examples=["urn:tta:problem:unknown_world"])]
    title: Annotated[str, Field(examples=["There is no such world"])]
    status: Annotated[int, Field(examples=[404])]
    detail: Annotated[str, Field(examples=["There is no world called 'nigth_train'"])]
    instance: Annotated[str, Field(examples=["/api/v1/sessions"])] = ""
    code: Annotated[str, Field(description="Stable name of the error.", examples=["unknown_world"])]
    cure: Annotated[str, Field(examples=["Did you mean night_train?"])] = ""
    place: str = ""
    choices: Annotated[list[str], Field(examples=[["letter_garden", "night_train"]])] = []
    errors: list[Fault] = []
    request_id: str = ""
    help: Annotated[
        dict[str, Any] | None,
        Field(description="Crisis resources (`tier`, `text`, `resources`, `paused`): show them before anything else."),
    ] = None


PROBLEM: dict[str, Any] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
"""The content of an error answer; `api.docs` adds the schema it points to."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused", "content": PROBLEM},
    "5XX": {"description": "Failed", "content": PROBLEM},
}
"""The error answers of every route."""

GRANT_PROBLEMS: dict[int | str, dict[str, Any]] = {
    **PROBLEMS,
    **{
        status: {"description": "Refused", "content": {"application/json": PROBLEM["application/problem+json"]}}
        for status in (400, 401)
    },
}
"""Those of a grant, which OAuth 2.0 (RFC 6749, 5.2) wants as plain JSON: with `error` and `error_description`."""
