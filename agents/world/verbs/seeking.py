"""Asking where a thing, a person or a place is, and who somebody is: what the player knows of what is out of sight."""

from dataclasses import replace

from agents.world.acquaintance import known_person, known_thing
from agents.world.beats import beat
from agents.world.language import PLAYER
from agents.world.nouns import WHOLE_NAME, Found, find_direction_of, find_place, find_thing, score, words_of
from agents.world.parse import Command
from agents.world.result import Result, ask_which, refuse
from agents.world.verbs import talking
from agents.world.view import SEEN_IN, View, where


def where_is(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """In sight: here; seen before: where that was; else somebody here may know, or it was not come upon yet."""
    del first, second
    phrase = command.first
    found = find_thing(view, phrase, focus)
    if (found.detail or not found.known) and (named := _place(view, phrase)):
        return named
    if found.asked:
        return ask_which(view, found, command.raw)
    if found.known:
        return _in_sight(view, found)
    if answered := _asked_of_somebody(view, replace(command, first=f"where is {phrase}"), phrase, focus):
        return answered
    if who := known_person(view, phrase):
        seen = str(view.get(who, SEEN_IN) or "")
        return _last_seen(view, who, seen) if seen else refuse("away", who=view.name(who), focus=[who])
    if thing := known_thing(view, phrase):
        if holder := view.holder(thing):
            return refuse("has_it", thing=view.name(thing), who=view.name(holder))
        return _last_seen(view, thing, _place_of(view, thing))
    return refuse("not_found_yet")


def _in_sight(view: View, found: Found) -> Result:
    key = found.ids[0] if found.ids else ""
    if key and view.get(key, "in") == PLAYER:
        return Result([beat("held", thing=view.name(key))], focus=[key])
    if holder := view.holder(key):
        return refuse("has_it", thing=view.name(key), who=view.name(holder), focus=[key])
    thing = view.name(key) if key else view.detail_name(found.detail)
    return Result([beat("here", thing=thing)], focus=found.ids)


def _last_seen(view: View, key: str, place: str) -> Result:
    if place not in view.world.locations:
        return refuse("not_found_yet")
    return Result([beat("where_seen", thing=view.name(key), where=where(view.world.locations[place]))], focus=[key])


def _place_of(view: View, thing: str) -> str:
    """The location that holds the thing, or what it lies in."""
    place = str(view.get(thing, "in"))
    for _ in range(8):
        if place not in view.world.items:
            break
        place = str(view.get(place, "in"))
    return place


def _place(view: View, phrase: str) -> Result | None:
    """The way to a place that the player can name; a part of its name may be some other thing's."""
    place = find_place(view, phrase)
    if not place:
        return None
    name, aliases = view.world.locations[place].name, view.world.locations[place].aliases
    if score(words_of(phrase), [name, *aliases]) < WHOLE_NAME:
        return None
    if place == view.here:
        return refuse("here_already", place=name, where=view.whereabouts)
    if direction := find_direction_of(view, place):
        return Result([beat("looked", direction=direction, place=name)])
    return refuse("no_way", phrase=name)


def who_is(view: View, command: Command, found: Found, focus: list[str]) -> Result | None:
    """`who is anders?`: somebody who is spoken of. None where the words mean a person or a thing in sight."""
    phrase = command.first
    if any(key in view.world.characters for key in found.ids) or found.asked:
        return None
    if found.detail:
        detail = view.details[found.detail]
        if score(words_of(phrase), [found.detail.replace("_", " "), *detail.aliases]) == WHOLE_NAME:
            return None
    if answered := _asked_of_somebody(view, command, phrase, focus):
        return answered
    if who := known_person(view, phrase):
        return refuse("away", who=view.name(who), focus=[who])
    return None if found.known else refuse("not_found_yet" if view.people else "nobody_to_ask")


def _asked_of_somebody(view: View, command: Command, phrase: str, focus: list[str]) -> Result | None:
    """The answer of whoever is here and has one, those spoken with last first."""
    for who in sorted(view.people, key=lambda key: focus.index(key) if key in focus else len(focus)):
        if talking.find_topic(view.world.characters[who], phrase):
            asked = Command("ask", view.name(who), "about", phrase, command.raw, "ask")
            return talking.ask(view, asked, Found(ids=[who]), Found(), focus)
    return None
