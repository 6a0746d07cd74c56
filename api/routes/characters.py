"""Characters: whom a player may be in a story. `POST /api/v1/sessions` begins one with one of them."""

from typing import Any

from fastapi import APIRouter, Response, status

from api.characters import CharacterAnswer, CharacterChanges, CharacterList, NewCharacter
from api.repeats import Try
from api.routes.parts import CharacterId, Engine, PlayerId
from api.schemas import PROBLEMS
from graphs.characters import MOST_CHARACTERS

router = APIRouter(prefix="/api/v1/players/{player}/characters", tags=["characters"])


@router.get("", responses=PROBLEMS)
async def list_characters(player: PlayerId, engine: Engine) -> CharacterList:
    """All of the player's characters, those made first first."""
    kept: Any = await engine.characters(player)
    return CharacterList(characters=kept, most=MOST_CHARACTERS)


@router.post("", status_code=status.HTTP_201_CREATED, responses=PROBLEMS)
async def create_character(
    player: PlayerId, asked: NewCharacter, engine: Engine, response: Response, tried: Try
) -> CharacterAnswer:
    """Keeps one more; 409 where there are as many as there may be."""
    # An earlier try may have made it: then it is that one.
    made = await engine.create_character(player, **asked.model_dump(), character=tried.mark[:16])
    response.headers["Location"] = f"/api/v1/players/{player}/characters/{made['character']}"
    return CharacterAnswer.model_validate(made)


@router.get("/{character}", responses=PROBLEMS)
async def get_character(player: PlayerId, character: CharacterId, engine: Engine) -> CharacterAnswer:
    """One of the player's characters."""
    return CharacterAnswer.model_validate(await engine.character(player, character))


@router.patch("/{character}", responses=PROBLEMS)
async def change_character(
    player: PlayerId, character: CharacterId, asked: CharacterChanges, engine: Engine
) -> CharacterAnswer:
    """What is given is changed. Stories that were begun with it stay as they are."""
    changed = await engine.change_character(player, character, **asked.model_dump(exclude_unset=True))
    return CharacterAnswer.model_validate(changed)


@router.delete("/{character}", status_code=status.HTTP_204_NO_CONTENT, responses=PROBLEMS)
async def delete_character(player: PlayerId, character: CharacterId, engine: Engine) -> None:
    """Takes it away. Stories that were begun with it keep their copy."""
    await engine.delete_character(player, character)
