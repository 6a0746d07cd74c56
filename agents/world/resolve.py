"""The world-state agent: what an action does, by the rules of the world alone.

The way of an action: `parse` reads commands, nouns are matched to things in sight, the author's rules are asked first
and the built-in verbs after them, and `unfold` adds what follows by itself. No model is called here.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from agents.story import Beat, Change, Outcome, Value
from agents.world.beats import beat
from agents.world.echo import as_typed, noun_of, unknown_word
from agents.world.nouns import (
    DETAIL,
    GROUP,
    LAST_WORD,
    MISSED,
    Found,
    find_all,
    find_place,
    find_thing,
    is_all,
    parts_of,
    score,
    words_of,
)
from agents.world.parse import MAX_COMMANDS, Command, direction_of, parse
from agents.world.result import Result, ask_which
from agents.world.rules import answer
from agents.world.schema import World
from agents.world.unfold import unfold
from agents.world.verbs import PREFERENCES, verb_function
from agents.world.view import View
from agents.world.vocabulary import GESTURES

PENDING = "?"
"""Marks, in the focus list, the command that an unclear phrase belongs to: `?take {}`."""

_MANY = frozenset({"take", "drop", "put", "give", "examine", "read"})
_EACH = _MANY | {"open", "close", "use", "smell", "touch"}
_MOST_PARTS = 6
_NO_NOUN = frozenset({"go", "look", "wait", "inventory", "goals", "hint", "help", "breathe", "say", "unknown", "who",
                      "heart", "where", "assist"})  # fmt: skip


def resolve(
    world: World, slots: dict[str, Value], text: str, focus: list[str], number: int
) -> tuple[Outcome, list[Change]]:
    """What happens when the player does `text` in turn `number`.

    Returns the outcome with every beat in order, and the changes, the rules' own and those that follow.
    """
    view = View(world, slots, number)
    text = _answered(view, text, focus)
    commands = parse(text, world)
    spoken_of = [key for key in focus if not key.startswith(PENDING)]
    result, slots = _perform_all(view, commands[:MAX_COMMANDS], spoken_of)
    if len(commands) > MAX_COMMANDS and result.status == "done":
        result.beats.append(beat("refused", why="too_many"))
    # What people say of themselves has its turn to itself: what is due comes a turn later.
    only_heard = {item["kind"] for item in result.beats} == {"heard"}
    if result.status not in ("unclear", "unknown") and not only_heard:
        result = result.join(unfold(world, slots, number))
    outcome = Outcome(
        status=result.status,
        verb=commands[0].verb,
        beats=result.beats,
        focus=_focus(result, focus),
    )
    return outcome, net_changes(result.changes)


def _perform_all(view: View, commands: list[Command], focus: list[str]) -> tuple[Result, dict[str, Value]]:
    """The commands one after the other; the first that cannot be done ends the chain."""
    result, went_through_door = Result(focus=[]), False
    for command in commands:
        if command.first in ("them", "these", "those", "both") and result.focus:
            # `take the card and the key and look at them`: all that this line has spoken of.
            named = [view.name(key) for key in dict.fromkeys(result.focus) if key in view.world.items]
            command = replace(command, first=" and ".join(reversed(named)) or command.first)  # noqa: PLW2901
        if command.verb == "go" and went_through_door:
            went_through_door = False  # `open the door and go out`: opening it was going
            continue
        done = _in_own_words(perform(view, command, [*result.focus, *focus]), command.raw)
        went_through_door = command.verb == "open" and view.after(done.changes).here != view.here
        view = view.after(done.changes)
        result = result.join(done)
        if done.status != "done":
            break
    return result, dict(view.slots)


def _in_own_words(result: Result, raw: str) -> Result:
    """The result, with what it repeats of the player's line spelt as it was typed."""
    for item in result.beats:
        names = item.get("names", {})
        if "phrase" in names:
            item["names"] = {**names, "phrase": as_typed(names["phrase"], raw)}
    return result


def perform(view: View, command: Command, focus: list[str]) -> Result:
    """One command in one state of the world."""
    if command.verb == "unknown":
        return _unread(view, command, focus)
    if command.said == "leave" and (kept := _left_thing(view, command, focus)):
        command = kept
    if command.verb in _EACH and len(parts := parts_of(command.first)) > 1:
        whole, _ = _match(view, command, focus)
        if not whole.known and not whole.asked:
            return _part_by_part(view, command, parts, focus)
    first, second = _match(view, command, focus)
    ids = tuple(found.ids[0] if found.ids else found.detail for found in (first, second) if found.known)
    if command.verb == "go":
        ids = (direction_of(command.first),) if direction_of(command.first) else ()
    if len(first.ids) > 1:
        return _one_by_one(view, command, first, second, focus)
    done = answer(view, command.verb, ids) or _by_verb(view, command, first, second, focus)
    if first.detail:
        done.focus = [f"{DETAIL}{view.here}.{first.detail}", *done.focus]
    return done


def _by_verb(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    if command.verb in view.world.verbs and command.verb not in GESTURES:
        for found in (first, second):
            if found.asked:
                return ask_which(view, found, command.raw)
    return verb_function(command.verb)(view, command, first, second, focus)


def _left_thing(view: View, command: Command, focus: list[str]) -> Command | None:
    """`leave the suitcase` is about the suitcase, `leave the berth` about going; doors and ways are left by."""
    if not command.first or not command.raw.lower().startswith("leave") or direction_of(command.first):
        return None
    found = _find(view, command.first, focus)
    key = found.ids[0] if found.ids else ""
    item = view.world.items.get(key)
    if (not item and not found.asked) or (item and item.door) or find_place(view, command.first):
        return None
    if item and score(words_of(found.phrase), [item.name, *item.aliases]) < LAST_WORD:
        return None  # `leave the garden` is not about its gate
    return replace(command, verb="drop", said="leave")


def _one_by_one(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """Several things at once: each by its own rules, each seeing what the ones before it changed."""
    result = Result()
    for key in first.ids:
        one = Found(ids=[key], phrase=first.phrase)
        ids = (key, *second.ids[:1])
        done = answer(view, command.verb, ids) or verb_function(command.verb)(view, command, one, second, focus)
        view = view.after(done.changes)
        result = result.join(done)
    return result


def _part_by_part(view: View, command: Command, parts: list[str], focus: list[str]) -> Result:
    """Each thing of a list as a command of its own: what is not here is named, and the rest is done."""
    result, statuses = Result(), list[str]()
    for part in parts[:_MOST_PARTS]:
        done = perform(view, replace(command, first=part, raw=command.raw.replace(command.first, part)), focus)
        view = view.after(done.changes)
        result = result.join(done)
        statuses.append(done.status)
    result.status = "done" if "done" in statuses else result.status
    return result


def _match(view: View, command: Command, focus: list[str]) -> tuple[Found, Found]:
    if command.verb in _NO_NOUN:
        second = find_thing(view, command.second, focus) if command.verb == "say" and command.second else Found()
        return Found(phrase=command.first), second
    if command.verb == "give" and not command.second:
        command = _give_without_to(view, command, focus)
    prefer = PREFERENCES.get(command.verb)
    wanted = partial(prefer, view) if prefer else None
    if command.verb in _MANY and wanted and is_all(command.first):
        first = find_all(view, command.first, focus, wanted)
    else:
        first = _find(view, command.first, focus, wanted)
    second = Found() if command.verb == "ask" else _find(view, command.second, focus)
    if not command.first and second.known and command.verb not in ("put", "use", "ask", "give"):
        first, second = second, Found()
    return first, second


def _find(view: View, phrase: str, focus: list[str], prefer: Callable[[str], bool] | None = None) -> Found:
    """The thing of a phrase; where the whole names nothing, that of its noun: the letter, of `letter off cliff`."""
    found = find_thing(view, phrase, focus, prefer)
    if found.known or found.asked or len(parts_of(phrase)) > 1:
        return found
    if (noun := noun_of(phrase)) not in ("", phrase):
        return replace(find_thing(view, noun, focus, prefer), phrase=phrase)
    return found


def _give_without_to(view: View, command: Command, focus: list[str]) -> Command:
    """`give maren the shell`: the person comes first."""
    words = command.first.split()
    for n in range(1, len(words)):
        person = find_thing(view, " ".join(words[:n]), focus)
        if person.ids and person.ids[0] in view.world.characters:
            return Command("give", " ".join(words[n:]), "to", " ".join(words[:n]), command.raw, command.said)
    return command


def _unread(view: View, command: Command, focus: list[str]) -> Result:
    """Nothing that begins with a verb: perhaps a thing's name alone, or words meant for the person here."""
    alone = find_thing(view, command.first, focus)
    if alone.known and len(command.first.split()) <= 4:
        return perform(view, Command("examine", command.first, raw=command.raw, said="examine"), focus)
    if place := next((d for d, way in view.exits.items() if _names_place(view, way.to, command.first)), ""):
        return verb_function("go")(view, Command("go", place, raw=command.raw), Found(), Found(), focus)
    if view.people and len(command.first.split()) >= 3:
        spoken = verb_function("say")(view, Command("say", command.first, raw=command.raw), Found(), Found(), focus)
        if spoken.beats and spoken.beats[0]["kind"] == "told":
            return spoken
    word = unknown_word(view, command.raw)
    return Result([beat("unknown", {"word": word} if word else {})], status="unknown")


def _names_place(view: View, place: str, text: str) -> bool:
    location = view.world.locations[place]
    plain = re.sub(r"^the ", "", text.lower())
    return plain in [re.sub(r"^the ", "", name.lower()) for name in (location.name, *location.aliases)]


def _answered(view: View, text: str, focus: list[str]) -> str:
    """The line that was asked about, with the answer put in, if this line is such an answer."""
    pending = next((key[1:] for key in focus if key.startswith(PENDING)), "")
    if not pending or len(text.split()) > 5:
        return text
    candidates = [key for key in focus if view.entity(key)]
    found = find_thing(view, text, [], prefer=lambda key: key in candidates)
    if len(found.ids) == 1 and found.ids[0] in candidates:
        return pending.replace("{}", view.name(found.ids[0]))
    return text


_MOST_FOCUS = 6


def _focus(result: Result, before: list[str]) -> list[str]:
    named = [item.get("names", {}) for item in result.beats]
    missed = [MISSED + names["phrase"] for names in named if names.get("why") == "not_here" and names.get("phrase")]
    now = list(dict.fromkeys([*missed[:1], *result.focus]))
    together = [f"{GROUP}{len(now)}"] if 1 < len(now) < _MOST_FOCUS and not missed else []
    kept = [key for key in before if not key.startswith((PENDING, MISSED, GROUP) if now else (PENDING, MISSED))]
    spoken_of = list(dict.fromkeys([*together, *now, *kept]))[:_MOST_FOCUS]
    return [*spoken_of, PENDING + result.asked] if result.status == "unclear" and result.asked else spoken_of


def net_changes(changes: list[Change]) -> list[Change]:
    """One change a slot, the last one, in the order in which the slots were first touched."""
    last = {item["slot"]: item for item in changes}
    return list(last.values())


def beats_of(outcome: Outcome, kind: str) -> list[Beat]:
    """The outcome's beats of one kind."""
    return [item for item in outcome["beats"] if item["kind"] == kind]
