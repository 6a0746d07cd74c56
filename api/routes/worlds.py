"""The worlds that can be played, and which of them a client may name."""

import asyncio
from difflib import get_close_matches

import structlog
from fastapi import APIRouter

from agents.errors import InvalidWorld, UnknownModel, UnknownWorld
from agents.models import check_spec
from agents.world.load import load_world, shipped_worlds
from api.cli.worlds import summary
from api.schemas import PROBLEMS, WorldAnswer
from graphs.access.roles import Role
from graphs.settings import Settings

router = APIRouter(prefix="/api/v1/worlds", tags=["worlds"])


@router.get("", responses=PROBLEMS)
async def list_worlds() -> list[WorldAnswer]:
    """The shipped worlds that can be played."""
    return await asyncio.to_thread(_playable)


def _playable() -> list[WorldAnswer]:
    """A world with a fault hides no other: it is left out, and the log tells where the fault is."""
    found: list[WorldAnswer] = []
    for name in shipped_worlds():
        try:
            found.append(WorldAnswer.model_validate(summary(load_world(name).world)))
        except InvalidWorld as error:
            structlog.get_logger("tta.api").error("world", world=name, place=error.place)
    return found


def check_world(name: str) -> str:
    """The id of a shipped world. Raises UnknownWorld for anything else: a client names no file of this machine."""
    shipped = shipped_worlds()
    if name not in shipped:
        close = get_close_matches(name, shipped, n=1)
        cure = f"Did you mean {close[0]}?" if close else "List them with `GET /api/v1/worlds`."
        raise UnknownWorld(f"There is no world called '{name[:60]}'", cure=cure, choices=shipped)
    return name


def check_model(spec: str, settings: Settings, role: Role) -> None:
    """Raises UnknownModel, InvalidSetting for what a client cannot have: model files of this machine too, and for a player
    all that nobody has opened (`models`), since the operator pays for it.
    """
    configured = settings.model
    if not spec or spec == configured:
        return
    opened = [configured, "offline", *filter(None, map(str.strip, settings.models.split(",")))]
    if role == "player" and spec not in opened:
        cure = "Name one of these, or none; the operator opens others with TTA_MODELS."
        raise UnknownModel("That model is not open to players", cure=cure, choices=list(dict.fromkeys(opened)))
    if spec.startswith("local:"):
        choices = list(dict.fromkeys([configured, "offline", "local"]))
        raise UnknownModel("A model file cannot be named over HTTP", cure="Set TTA_MODEL there.", choices=choices)
    try:
        check_spec(spec)
    except UnknownModel as error:
        error.choices = tuple(choice for choice in error.choices if not choice.startswith("local:"))
        raise
