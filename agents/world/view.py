"""A world and its slots, seen together: what is where, what can be seen, what things are called.

Pure and cheap: a View is made for every question and holds no state of its own.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from agents.story import Change, Value, apply_changes, change
from agents.world.language import NOWHERE, PLAYER, all_hold, carried
from agents.world.schema import Case, Character, Detail, Exit, Item, Location, Said, World

FORGOTTEN = 80
"""Turns after which a player may be told the same thing in the same words."""

SEEN_IN = "seen_in"
"""Where the player saw a character last."""

BOOKKEEPING = (SEEN_IN, "came_from", "visits", "looks", "seen", "met", "moved", "offered", "armed", "edition")
"""Relations that count how often something was told. True facts, but none that a player wants to read."""


def initial_slots(world: World) -> dict[str, Value]:
    """The slots of a story that has not begun: where everything is and how it stands."""
    slots: dict[str, Value] = {f"{PLAYER}.in": world.start}
    listed = {item: place for place, location in world.locations.items() for item in location.items}
    for key, item in world.items.items():
        slots[f"{key}.in"] = item.in_ or listed.get(key, NOWHERE)
        if item.openable or item.door:
            slots[f"{key}.open"] = item.open
        if item.lockable:
            slots[f"{key}.locked"] = item.locked
        slots |= {f"{key}.{name}": value for name, value in item.states.items()}
    for key, character in world.characters.items():
        slots[f"{key}.in"] = character.in_
        slots |= {f"{key}.{name}": value for name, value in character.states.items()}
    for key, location in world.locations.items():
        slots |= {f"{key}.{name}": value for name, value in location.states.items()}
    slots |= {f"world.{name}": value for name, value in world.states.items()}
    return slots


def is_bookkeeping(relation: str) -> bool:
    """Whether the relation only counts tellings."""
    return relation.removesuffix("_at") in BOOKKEEPING or relation.startswith(("told_", "ruled"))


def looks_plural(name: str) -> bool:
    """Whether the words look like more than one thing: `beach stones`, not `box of matches`, `glass` or `bus`."""
    head = name.split(" of ", maxsplit=1)[0].split(" on ", maxsplit=1)[0].split()[-1:] or [""]
    return head[0].endswith("s") and not head[0].endswith(("ss", "us", "is", "ens", "as", "'s"))


def where(place: Location) -> str:
    """Where somebody is who is at the place: `in the kitchen`, `on the landing slip`."""
    return f"{place.preposition} {place.name}"


class View:
    """What the rules and the narrator ask of a world in a given state."""

    def __init__(self, world: World, slots: Mapping[str, Value], now: int = 0) -> None:
        self.world = world
        self.slots = slots
        self.now = now
        """The number of the turn that is played; only tellings ask for it."""

    def after(self, changes: list[Change]) -> "View":
        """The view that the changes make."""
        return View(self.world, apply_changes(dict(self.slots), changes), self.now)

    @property
    def here(self) -> str:
        """The id of the location where the player is."""
        return str(self.slots.get(f"{PLAYER}.in") or self.world.start)

    @property
    def location(self) -> Location:
        return self.world.locations[self.here]

    @property
    def whereabouts(self) -> str:
        """Where the player is, after `You are`: `on the landing slip`."""
        return where(self.location)

    def get(self, subject: str, relation: str) -> Value:
        return self.slots.get(f"{subject}.{relation}")

    def count(self, subject: str, relation: str) -> int:
        """A counter's value; 0 where nothing has been counted."""
        value = self.slots.get(f"{subject}.{relation}")
        return value if isinstance(value, int) else 0

    def telling(
        self, subject: str, relation: str, texts: list[str], because: str, forget: int = FORGOTTEN
    ) -> tuple[str, int, list[Change]]:
        """What to say this time, how often it was said before, and the changes that count it.

        The first text, each later one once, then nothing (the narrator says it in its own words); after `forget` turns
        without it the first text is news again.
        """
        times, last = self.count(subject, relation), self.get(subject, f"{relation}_at")
        forgotten = isinstance(last, int) and self.now - last >= forget
        says = texts[0] if forgotten or not times else (texts[times] if times < len(texts) else "")
        counted = [change(subject, relation, times + 1, because), change(subject, f"{relation}_at", self.now, because)]
        return says, times, counted

    def holds(self, conditions: list[str]) -> bool:
        return all_hold(conditions, self.slots)

    def said(self, lines: list[Said] | str) -> list[str]:
        """The lines whose conditions hold, in the author's order."""
        if isinstance(lines, str):
            return [lines] if lines else []
        return [
            line.says if isinstance(line, Case) else line
            for line in lines
            if not isinstance(line, Case) or self.holds(line.when)
        ]

    def first_said(self, lines: list[Said] | str) -> str:
        """The first line whose conditions hold, or empty."""
        return next(iter(self.said(lines)), "")

    def inside(self, holder: str) -> list[str]:
        """The items directly in or on something, in the world's order."""
        return [key for key in self.world.items if self.slots.get(f"{key}.in") == holder]

    @cached_property
    def inventory(self) -> list[str]:
        """What the player carries in the hand."""
        return self.inside(PLAYER)

    def carries(self, entity: str) -> bool:
        return carried(entity, self.slots)

    def is_open(self, key: str) -> bool:
        """Whether things can pass: an open container or door, or anything that cannot be closed."""
        item = self.world.items[key]
        return bool(self.get(key, "open")) if item.openable or item.door else True

    def shows_contents(self, key: str) -> bool:
        item = self.world.items[key]
        return item.surface or (item.container and self.is_open(key))

    def _unfold(self, holder: str) -> Iterator[str]:
        for key in self.inside(holder):
            yield key
            if self.shows_contents(key):
                yield from self._unfold(key)

    @cached_property
    def items_here(self) -> list[str]:
        """Items in sight that the player does not carry: lying here, on surfaces, in open containers, doors too."""
        doors = [door for door in self.doors if self.slots.get(f"{door}.in") != self.here]
        held = [key for person in self.people for key in self.inside(person)]
        return [*self._unfold(self.here), *doors, *held]

    def holder(self, key: str) -> str:
        """The character who has the thing in hand, or empty."""
        place = self.get(key, "in")
        return str(place) if place in self.world.characters else ""

    @cached_property
    def items_carried(self) -> list[str]:
        """Everything on the player, also what is inside carried open containers."""
        return list(self._unfold(PLAYER))

    @cached_property
    def people(self) -> list[str]:
        """The characters in this location."""
        return [key for key in self.world.characters if self.slots.get(f"{key}.in") == self.here]

    @cached_property
    def doors(self) -> list[str]:
        return list(dict.fromkeys(e.door for e in self.exits.values() if e.door))

    @cached_property
    def exits(self) -> dict[str, Exit]:
        """The ways out of this location, shorthand written out."""
        return self.exits_of(self.here)

    def exits_of(self, place: str) -> dict[str, Exit]:
        found = self.world.locations[place].exits
        return {str(d): Exit.model_construct(to=e, door=None, when=[], blocked="", passing="") if isinstance(e, str) else e
                for d, e in found.items()}  # fmt: skip

    def passable(self, way: Exit) -> bool:
        return self.holds(way.when) and (way.door is None or self.is_open(way.door))

    @cached_property
    def details(self) -> dict[str, Detail]:
        return {
            name: Detail.model_construct(text=d, aliases=[]) if isinstance(d, str) else d
            for name, d in self.location.details.items()
        }

    def entity(self, key: str) -> Item | Character | Location | None:
        return self.world.items.get(key) or self.world.characters.get(key) or self.world.locations.get(key)

    def name(self, key: str) -> str:
        """How the thing is called in a sentence: `the brass lamp`, `Maren`, `the quay`."""
        if item := self.world.items.get(key):
            return item.name if item.article == "" else f"{'your' if item.article == 'your' else 'the'} {item.name}"
        found = self.entity(key)
        return found.name if found else key.replace("_", " ")

    def detail_name(self, detail: str) -> str:
        """How a detail of the place is called: `the pump`, also where its id begins with an article."""
        return f"the {detail.replace('_', ' ').removeprefix('the ')}"

    def topic_name(self, who: str, topic: str) -> str:
        """A topic as one would say it: people by their names, else as the author says, else by its id."""
        if called := self.world.characters[who].topics[topic].called:
            return called
        plain = topic.replace("_", " ")
        named = (c.name for c in self.world.characters.values() if plain in map(str.lower, (c.name, *c.aliases)))
        return next(named, plain)

    def is_plural(self, name: str) -> bool:
        """Whether a name as `name`, `a_name` or `detail_name` give it takes a plural verb."""
        bare = re.sub(r"^(?:the|a|an|some|your) ", "", name)
        item = next((i for i in self.world.items.values() if i.name == bare), None)
        return item.plural if item and item.plural is not None else looks_plural(bare)

    def a_name(self, key: str) -> str:
        """How the thing is called when it is new: `a brass lamp`, `some rope`."""
        item = self.world.items.get(key)
        if item is None:
            return self.name(key)
        article = item.article
        if article is None:
            article = "some" if self.is_plural(item.name) else ("an" if item.name[:1].lower() in "aeiou" else "a")
        return f"{article} {item.name}".strip()

    def listed_here(self) -> list[str]:
        """The items that a look should name: loose things first seen, no scenery, no doors, nothing in a hand."""
        return [
            key
            for key in self._unfold(self.here)
            if not self.world.items[key].scenery and not self.world.items[key].door
        ]

    def goals(self) -> list[dict[str, Value]]:
        return [
            {"id": key, "title": goal.title, "done": bool(self.get(key, "done")), "optional": goal.optional}
            for key, goal in self.world.goals.items()
        ]

    @property
    def won(self) -> bool:
        return all(self.get(key, "done") for key, goal in self.world.goals.items() if not goal.optional)


def visible_changes(changes: list[Change]) -> list[Change]:
    """The changes that a person wants to see: without counters of tellings."""
    return [item for item in changes if not is_bookkeeping(item["relation"])]
