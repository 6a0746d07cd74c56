"""Opening, closing, locking, unlocking: doors and containers alike."""

from agents.story import change
from agents.world.beats import beat
from agents.world.nouns import Found, detail_called, stem, words_of
from agents.world.parse import Command
from agents.world.result import Result, ask_which, missing, refuse, refuse_as_told
from agents.world.schema import Item
from agents.world.verbs import moving
from agents.world.view import View, looks_plural


def can_open(view: View, key: str) -> bool:
    item = view.world.items.get(key)
    return bool(item and (item.openable or item.door) and not view.is_open(key))


def can_close(view: View, key: str) -> bool:
    item = view.world.items.get(key)
    return bool(item and (item.openable or item.door) and view.is_open(key))


def can_lock(view: View, key: str) -> bool:
    item = view.world.items.get(key)
    return bool(item and item.lockable)


def open_(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    if first.detail and (ways := _ways_behind(view, first)):
        if len(ways) > 1:
            return refuse("which_way")
        return Result([beat("opened", thing=_door_called(view, first))]).join(moving.step(view, ways[0]))
    problem, key = _one_item(view, command, first, "open")
    if problem:
        return problem
    item, name = view.world.items[key], view.name(key)
    if not (item.openable or item.door):
        if says := item.refuses.get("open", ""):
            return refuse_as_told(view, key, "open", says, [key], "not_openable")
        return refuse("not_openable", thing=name, focus=[key])
    if view.is_open(key):
        return refuse("is_open", thing=name, focus=[key])
    if view.get(key, "locked"):
        if _has_key(view, item, second):
            unlocked = unlock(view, command, first, second, focus)
            return unlocked.join(_opened(view, key, name)) if unlocked.status == "done" else unlocked
        return refuse("is_locked", thing=name, focus=[key])
    return _opened(view, key, name)


def _opened(view: View, key: str, name: str) -> Result:
    item = view.world.items[key]
    listed = [view.a_name(inner) for inner in view.inside(key)] if item.container else None
    return Result([beat("opened", thing=name, listed=listed)], [change(key, "open", True, "verb:open")], [key])


def close(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second, focus
    if first.detail and _ways_behind(view, first):
        return Result([beat("closed", thing=_door_called(view, first))])
    problem, key = _one_item(view, command, first, "close")
    if problem:
        return problem
    item, name = view.world.items[key], view.name(key)
    if not (item.openable or item.door):
        if says := item.refuses.get("close", ""):
            return refuse_as_told(view, key, "close", says, [key], "not_openable")
        return refuse("not_openable", thing=name, focus=[key])
    if not view.is_open(key):
        return refuse("is_closed", thing=name, focus=[key])
    return Result([beat("closed", thing=name)], [change(key, "open", False, "verb:close")], [key])


def _door_called(view: View, found: Found) -> str:
    """One of several doors by the player's words: `the west door`, where the detail is all of them."""
    words = words_of(found.phrase)
    return f"the {' '.join(words)}" if len(words) > 1 else detail_called(view, found)


def _ways_behind(view: View, found: Found) -> list[str]:
    """Where a door leads to that is described and is no item: nothing keeps it shut. None for other scenery.

    More than one where the detail is several doors (`the kitchen doors`) and the player said none by its direction.
    """
    names = [found.detail.replace("_", " "), *view.details[found.detail].aliases]
    doors = [name for name in (found.phrase, *names) if words_of(name)[-1:] and stem(words_of(name)[-1]) in _DOORS]
    if named := [word for word in words_of(found.phrase) if doors and word in view.exits]:
        return named[:1]
    if doors and looks_plural(names[0]):
        return [d for d in view.exits if any(d in words_of(name) for name in names)] or [*view.exits]
    if doors and len(view.exits) == 1:
        return [*view.exits]
    return [way for name in doors if (way := moving.way_by(view, name))][:1]


_DOORS = frozenset({"door", "gate", "hatch", "curtain"})


def unlock(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del focus
    return _turn_key(view, command, first, second, locked=False)


def lock(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del focus
    return _turn_key(view, command, first, second, locked=True)


def _turn_key(view: View, command: Command, first: Found, second: Found, *, locked: bool) -> Result:
    verb = "lock" if locked else "unlock"
    problem, key = _one_item(view, command, first, verb)
    if problem:
        return problem
    item, name = view.world.items[key], view.name(key)
    if not item.lockable:
        return refuse("not_lockable", thing=name, focus=[key])
    if bool(view.get(key, "locked")) == locked:
        return refuse("so_already", state=f"{verb}ed", thing=name, focus=[key])
    if second.phrase and not second.ids:
        return missing(view, second, verb)
    if not _has_key(view, item, second):
        return refuse("no_key", thing=name, focus=[key])
    changes = [change(key, "locked", locked, f"verb:{verb}")]
    if locked and view.is_open(key):
        changes.insert(0, change(key, "open", False, "verb:lock"))
    with_what = view.name(item.key) if item.key else ""
    return Result([beat(f"{verb}ed", thing=name, key=with_what)], changes, [key])


def _has_key(view: View, item: Item, second: Found) -> bool:
    """The right key is carried and, where the player named one, it is the one named. No key needed: a bolt."""
    if item.key is None:
        return True
    named = second.ids[0] if second.ids else item.key
    return named == item.key and view.carries(item.key)


def _one_item(view: View, command: Command, first: Found, verb: str) -> tuple[Result | None, str]:
    """The item that the phrase names, or the answer that there is none."""
    if first.asked:
        return ask_which(view, first, command.raw), ""
    if first.detail:
        return refuse("not_lockable" if "lock" in verb else "not_openable", thing=detail_called(view, first)), ""
    if not first.ids:
        return missing(view, first, verb), ""
    if first.ids[0] not in view.world.items:
        return refuse("not_openable", thing=view.name(first.ids[0]), focus=first.ids), ""
    return None, first.ids[0]
