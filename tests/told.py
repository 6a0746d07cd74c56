"""A story told by the rules and the offline storyteller, without a graph or a store, and the shipped worlds to play."""

from agents.models.storyteller import tell
from agents.story import Outcome, Value, apply_changes
from agents.world.breath import draw_breath
from agents.world.load import load_world, shipped_worlds
from agents.world.resolve import resolve
from agents.world.scene import build_scene
from agents.world.schema import World
from agents.world.view import View, initial_slots

WORLDS = {name: load_world(name).world for name in shipped_worlds()}


class Played:
    """A story played by the rules alone: no graph, no store, no model."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slots: dict[str, Value] = {**initial_slots(world), f"{world.start}.visits": 1}
        self.focus: list[str] = []
        self.number = 0
        self.outcome = Outcome(status="done", verb="", beats=[], focus=[])

    def step(self, action: str) -> None:
        """Plays one action."""
        self.number += 1
        self.outcome, changes = resolve(self.world, self.slots, action, self.focus, self.number)
        self.slots, self.focus = apply_changes(self.slots, changes), self.outcome["focus"]

    @property
    def view(self) -> View:
        return View(self.world, self.slots, self.number)


class Told(Played):
    """A story told by the rules and the offline storyteller."""

    def __init__(self, world: World, seed: int = 7) -> None:
        super().__init__(world)
        self.seed = seed

    def do(self, *actions: str) -> str:
        """The prose of the last action."""
        prose = ""
        for action in actions:
            self.step(action)
            textures, told = draw_breath(self.view, self.outcome, self.seed)
            self.slots = apply_changes(self.slots, told)
            scene = build_scene(self.view, self.outcome, number=self.number, seed=self.seed, textures=textures)
            prose = tell(dict(scene))
        return prose
