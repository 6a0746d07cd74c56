"""Taking, dropping, putting, giving, using."""

from collections.abc import Callable

from agents.story import Change, apply_changes, change
from agents.world.beats import beat
from agents.world.language import PLAYER, run_effects
from agents.world.nouns import Found, detail_called, is_all
from agents.world.parse import Command
from agents.world.result import Result, ask_which, missing, refuse, refuse_as_told
from agents.world.view import View


def can_take(view: View, key: str) -> bool:
    """Whether `take everything` would mean this thing."""
    item = view.world.items.get(key)
    return bool(item and item.portable and not item.door and not view.carries(key) and not view.holder(key))


def take(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second, focus
    if first.asked:
        return ask_which(view, first, command.raw)
    if first.detail:
        return refuse("not_portable", thing=detail_called(view, first))
    if not first.ids and is_all(first.phrase):
        return refuse("nothing_to_take")
    if not first.ids:
        return missing(view, first, command.said or "take")
    return _each(view, first.ids, _take_one)


def _take_one(view: View, key: str) -> Result:
    name = view.name(key)
    if key in view.world.characters:
        return refuse("not_portable", thing=name, who=name, focus=[key])
    item = view.world.items[key]
    if view.get(key, "in") == PLAYER:
        return refuse("have_it", thing=name, focus=[key])
    if holder := view.holder(key):
        return refuse("kept", thing=name, who=view.name(holder), focus=[key])
    if not item.portable or item.door or item.scenery:
        if says := item.refuses.get("take", ""):
            return refuse_as_told(view, key, "take", says, [key], "not_portable")
        return refuse("not_portable", thing=name, focus=[key])
    if len(view.inventory) >= view.world.capacity:
        return refuse("hands_full", thing=name, focus=[key])
    return Result([beat("took", thing=name)], move(view, key, PLAYER, "verb:take"), [key])


def move(view: View, key: str, to: str, because: str) -> list[Change]:
    """An item somewhere else; the mark that it was moved ends the author's line about where it lies."""
    changes = [change(key, "in", to, because)]
    if not view.get(key, "moved"):
        changes.append(change(key, "moved", True, because))
    return changes


def drop(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second, focus
    if first.asked:
        return ask_which(view, first, command.raw)
    if not first.ids and is_all(first.phrase):
        return refuse("nothing_held")
    if not first.ids:
        return missing(view, first, command.said or "drop")
    if command.raw.lower().startswith("leave") and not any(view.carries(key) for key in first.ids):
        return Result([beat("left", thing=view.name(first.ids[0]))], focus=first.ids)
    return _each(view, first.ids, _drop_one)


def not_held(view: View, key: str) -> Result:
    """For a thing that is wanted of the player and is not in hand: who has it, where somebody does."""
    if holder := view.holder(key):
        return refuse("has_it", thing=view.name(key), who=view.name(holder), focus=[key])
    return refuse("not_held", thing=view.name(key), focus=[key])


def _drop_one(view: View, key: str) -> Result:
    name = view.name(key)
    if not view.carries(key):
        return not_held(view, key)
    return Result([beat("dropped", thing=name)], move(view, key, view.here, "verb:drop"), [key])


def put(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del focus
    for found in (first, second):
        if found.asked:
            return ask_which(view, found, command.raw)
    if not first.ids:
        return missing(view, first, command.said or "put")
    if second.detail:
        return _put_by_detail(view, command, first, second)
    if not second.ids:
        return missing(view, second, "put") if second.phrase else refuse("where_from", thing=view.name(first.ids[0]))
    return _each(view, first.ids, lambda seen, key: _put_one(seen, key, second.ids[0], command.prep))


def _put_by_detail(view: View, command: Command, first: Found, second: Found) -> Result:
    """On a bunk or a bench a thing can lie: it is put down in the place. Nothing goes into scenery."""
    target = detail_called(view, second)
    detail = view.details[second.detail]
    heads = {name.split()[-1].lower() for name in (second.detail.replace("_", " "), *detail.aliases)}
    if command.prep != "on" or not heads & _LEVEL:
        return refuse("not_surface" if command.prep == "on" else "not_container", thing=target)

    def put_down(seen: View, key: str) -> Result:
        if not seen.carries(key):
            return _take_one(seen, key) if not can_take(seen, key) else _laid(seen, key)
        return _laid(seen, key)

    def _laid(seen: View, key: str) -> Result:
        told = beat("put", thing=seen.name(key), onto=f"on {target}")
        return Result([told], move(seen, key, seen.here, "verb:put"), [key])

    return _each(view, first.ids, put_down)


_LEVEL = frozenset(
    {"bunk", "bed", "table", "shelf", "bench", "seat", "chair", "armchair", "chairs", "seats", "benches", "desk", "floor",
     "ground", "sill", "counter", "steps", "step", "planks", "platform", "wall", "setts", "carpet", "tray", "mat", "rug",
     "workbench", "dresser", "stones", "cobbles", "grass", "turf", "path", "roof", "blanket", "lid", "ledge"}
)  # fmt: skip
"""Scenery on which a thing stays where it was put."""


def _put_one(view: View, key: str, target: str, prep: str) -> Result:
    name, onto = view.name(key), view.name(target)
    if target in view.world.characters:
        return give_one(view, key, target)
    holder = view.world.items[target]
    if key == target or _is_within(view, target, key):
        return refuse("in_itself", thing=name, focus=[key])
    if not (holder.container or holder.surface):
        return refuse("not_surface" if prep == "on" else "not_container", thing=onto, focus=[target])
    if not view.shows_contents(target):
        return refuse("closed_container", thing=onto, focus=[target])
    if view.get(key, "in") == target:
        where = f"{'in' if holder.container else 'on'} {onto}"
        return refuse("there_already", thing=name, place=where, focus=[key])
    if not view.carries(key) and not can_take(view, key):
        return _take_one(view, key)
    prep = "on" if holder.surface else "in"
    told = beat("put", thing=name, onto=f"{prep} {onto}")
    return Result([told], move(view, key, target, "verb:put"), [key, target])


def give(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    for found in (first, second):
        if found.asked:
            return ask_which(view, found, command.raw)
    if not first.ids:
        return missing(view, first, command.said or "give")
    people = second.ids or ([] if second.phrase else view.people)
    if not people:
        return missing(view, second, "give") if second.phrase else refuse("nobody_here")
    if len(people) > 1:
        people = [key for key in focus if key in people][:1]
    if not people:
        return refuse("who", verb=command.said or "give", thing=view.name(first.ids[0]))
    if people[0] not in view.world.characters:
        return refuse("not_person", thing=view.name(people[0]), focus=people)
    return _each(view, first.ids, lambda seen, key: give_one(seen, key, people[0]))


def give_one(view: View, key: str, who: str) -> Result:
    """One gift: what the character's `gifts` say, or a friendly no."""
    thing, person = view.name(key), view.name(who)
    if key not in view.world.items:
        return refuse("not_portable", thing=thing, focus=[key])
    if not view.carries(key):
        return not_held(view, key)
    gift = view.world.characters[who].gifts.get(key)
    if gift is None or not view.holds(gift.when):
        says = view.first_said(gift.otherwise) if gift else ""
        lines = view.world.characters[who].handed_back
        if not says and lines:
            # Each line once; after that the storyteller's own short ones.
            says, _, counted = view.telling(who, "told_handed_back", lines, "verb:give")
            return Result([beat("handed_back", says=says, thing=thing, who=person)], counted, [who, key])
        return Result([beat("handed_back", says=says, thing=thing, who=person)], focus=[who, key])
    because = f"gift:{who}"
    changes = move(view, key, who, because) if gift.keeps else []
    changes += run_effects(gift.effects, apply_changes(dict(view.slots), changes), because)
    return Result([beat("gave", says=gift.says, thing=thing, who=person)], changes, [who, key])


def use(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """What no rule of the world answers: keys unlock, readable things are read, the rest does nothing."""
    from agents.world.verbs import looking, opening  # noqa: PLC0415 - `use` stands for their verbs, they for none of its

    for found in (first, second):
        if found.asked:
            return ask_which(view, found, command.raw)
    if not first.ids:
        if first.detail:
            return refuse("no_effect", thing=detail_called(view, first), verb=command.said or "use")
        return missing(view, first, command.said or "use")
    key, target = first.ids[0], second.ids[0] if second.ids else ""
    if second.phrase and not second.known:
        return missing(view, second, "use")
    if target and view.world.items.get(target) and view.world.items[target].key == key:
        return opening.unlock(view, command, second, first, focus)
    if target and target in view.world.characters:
        return give_one(view, key, target)
    if not target and (item := view.world.items.get(key)):
        if item.read is not None:
            return looking.read(view, command, first, second, focus)
        if item.openable or item.door:
            return (opening.close if view.is_open(key) else opening.open_)(view, command, first, second, focus)
    says = view.world.items[key].refuses.get("use", "") if key in view.world.items else ""
    if says:
        return refuse_as_told(view, key, "use", says, first.ids, "no_effect")
    return refuse("no_effect", thing=view.name(key), verb=command.said or "use", focus=first.ids)


def _each(view: View, keys: list[str], act: Callable[[View, str], Result]) -> Result:
    """The same act on several things, each seeing what the ones before it changed."""
    result = Result()
    slots = dict(view.slots)
    for key in keys:
        done = act(View(view.world, slots, view.now), key)
        slots = apply_changes(slots, done.changes)
        result = result.join(done)
    return result


def _is_within(view: View, inner: str, outer: str) -> bool:
    place = view.get(inner, "in")
    for _ in range(8):
        if place == outer:
            return True
        place = view.get(str(place), "in") if place in view.world.items else None
    return False
