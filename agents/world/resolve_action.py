"""Node resolve_action: the rules decide what the action does, and build the scene that will be told.

Where the parser cannot read the action and a real model is at work, the model is asked once for a plain command
(`prompts/interpret`); its answer goes through the same parser and the same rules, so it can do nothing that a player
could not type.
"""

import json
import re

from typing_extensions import TypedDict

from agents.characters import introduce
from agents.errors import TurnCancelled
from agents.prompts import answering
from agents.safety.clean import count_of
from agents.safety.gate import MAX_TAIL
from agents.services import Runtime, Services
from agents.story import Change, Outcome, Usage, Value, apply_changes
from agents.world.avoidance import clear_scene
from agents.world.breath import draw_breath
from agents.world.resolve import resolve
from agents.world.scene import Scene, build_scene
from agents.world.view import View
from agents.world.vocabulary import VERBS


class ResolveInput(TypedDict):
    action: str
    slots: dict[str, Value]
    focus: list[str]
    number: int
    seed: int
    usage: Usage


class ResolveOutput(TypedDict):
    outcome: Outcome
    changes: list[Change]
    scene: Scene
    usage: Usage
    interpreted: str


async def resolve_action(state: ResolveInput, runtime: Runtime[Services]) -> ResolveOutput:
    """Never fails for what a player may type: an action that nobody understands is an outcome like any other."""
    services = runtime.context
    world, slots, usage = services.world, state["slots"], Usage(**state["usage"])
    outcome, changes = resolve(world, slots, state["action"], state["focus"], state["number"])
    interpreted = ""
    if outcome["status"] == "unknown" and services.model != "offline":
        scene = build_scene(View(world, slots), outcome, number=state["number"], seed=state["seed"])
        interpreted = await _interpret(services, scene, state["action"], usage)
        if interpreted:
            outcome, changes = resolve(world, slots, interpreted, state["focus"], state["number"])
    view = View(world, apply_changes(slots, changes), state["number"])
    textures, told = draw_breath(view, outcome, state["seed"])
    scene = build_scene(view, outcome, number=state["number"], seed=state["seed"], textures=textures)
    changes = [*changes, *told]
    scene = clear_scene(scene, services.telling.topics, [*services.telling.avoid])
    if services.character and (told_of := introduce(services.character, services.telling)):
        scene["player"] = told_of
    return ResolveOutput(outcome=outcome, changes=changes, scene=scene, usage=usage, interpreted=interpreted)


async def _interpret(services: Services, scene: Scene, action: str, usage: Usage) -> str:
    """One plain command, or empty: a model that fails here costs its help, not the turn."""
    verbs = ", ".join(sorted({*VERBS, *services.world.verbs}))
    prompt = services.prompts.get("interpret")
    messages = prompt.render(scene=scene, action=action, verbs=verbs)
    usage["calls"] += 1
    try:
        async with services.halt.within(services.model_timeout_s):
            answer = await answering(services.storyteller, prompt).ainvoke(services.telling.leaks.mark(messages))
    except TurnCancelled:
        raise
    except Exception:  # the parser's own answer stands; narrate will meet the same fault and name it
        return ""
    counted = getattr(answer, "usage_metadata", None) or {}
    usage["input_tokens"] += count_of(counted.get("input_tokens"))
    usage["output_tokens"] += count_of(counted.get("output_tokens"))
    command = read_command(str(answer.text))
    return services.redaction.restore(command) if services.telling.allows(command) else ""


def read_command(text: str) -> str:
    """The command of an `{"command": ...}` answer; empty for anything else."""
    found = re.search(r"\{[^{}]*\}", text[:MAX_TAIL], re.DOTALL)
    try:
        data = json.loads(found[0]) if found else {}
    except ValueError:
        return ""
    command = data.get("command", "")
    return command.strip()[:80] if isinstance(command, str) else ""
