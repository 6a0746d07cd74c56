"""Talking with characters: greetings, topics, and words spoken into the air."""

import re

from agents.story import apply_changes, change
from agents.world.beats import beat
from agents.world.heart import answer_heart, kind_of
from agents.world.language import run_effects
from agents.world.nouns import Found, detail_called, find_thing, stem, words_of
from agents.world.parse import Command
from agents.world.result import Result, ask_which, missing, refuse
from agents.world.schema import Character
from agents.world.view import View

_SMALL = frozenset({"what", "who", "why", "when", "where", "how", "is", "are", "was", "were", "did", "do", "does", "you",
                    "i", "me", "of", "to", "in", "on", "at", "about", "and", "or", "it", "with", "have", "has", "for",
                    "can", "could", "would", "tell", "know", "that", "there", "here", "happened", "if", "be"})  # fmt: skip


def talk(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second
    who = _person(view, first, focus)
    if first.asked and not who:
        return ask_which(view, first, command.raw)
    if not who:
        if first.known:
            return _no_person(view, first)
        return missing(view, first, "talk to") if first.phrase else _nobody(view)
    if command.second:
        return _about(view, who, command.second)
    times = view.count(who, "met")
    greetings = view.world.characters[who].greeting
    says = greetings[times] if times < len(greetings) else ""
    made = beat("met", says=says, times=times, listed=_open_topics(view, who), who=view.name(who))
    return Result([made], [change(who, "met", times + 1, "verb:talk")], [who])


def _no_person(view: View, found: Found) -> Result:
    """The woman on a poster is the poster; a pump keeps quiet."""
    called = view.name(found.ids[0]) if found.ids else detail_called(view, found)
    if found.detail and called != view.detail_name(found.detail):
        return refuse("only_scenery", thing=view.detail_name(found.detail))
    return refuse("not_person", thing=called)


def ask(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    del second
    who = _person(view, first, focus)
    if first.asked and not who:
        return ask_which(view, first, command.raw)
    topic = command.second
    if not who:
        if first.phrase:
            # `ask about the ferry` parsed without a person, `tell the story`: the words may all be topic.
            return missing(view, first, "ask")
        return _nobody(view)
    if not topic:
        return talk(view, command, first, first, focus)
    return _about(view, who, topic)


def assist(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """`help isbel read the letter`: what somebody wants help with is theirs to say."""
    del first, second
    words = command.first.split()
    for n in range(len(words), 0, -1):
        found = find_thing(view, " ".join(words[:n]), focus)
        if who := next((key for key in found.ids if key in view.world.characters), ""):
            rest = " ".join(words[n:])
            if rest and find_topic(view.world.characters[who], rest):
                return _about(view, who, rest)
            return talk(view, Command("talk", raw=command.raw), Found(ids=[who]), Found(), focus)
    return missing(view, Found(phrase=words[0] if words else ""), "help")


def say(view: View, command: Command, first: Found, second: Found, focus: list[str]) -> Result:
    """Free speech: to a character here it is a greeting or a question, alone it is only said."""
    del first
    who = _person(view, second, focus)
    kind = kind_of(command.first, view.world)[0]
    if kind and not (kind == "greeting" and who):
        return answer_heart(view, kind, who)
    if not who:
        return Result([beat("gestured", verb="say")])
    words = set(words_of(command.first))
    if words & {"hello", "hi", "hey", "morning", "evening", "greetings"} and len(words) <= 4:
        return talk(view, Command("talk", raw=command.raw), Found(ids=[who]), Found(), focus)
    return _about(view, who, command.first)


def find_topic(character: Character, text: str) -> str:
    """The topic whose name or alias shares most words with the text; empty when none does."""
    wanted = [w for w in words_of(text) if w not in _SMALL] or words_of(text)
    wanted_set = {stem(w) for w in wanted}
    best, best_points = "", 0.0
    for name, topic in character.topics.items():
        for alias in (name.replace("_", " "), *topic.aliases):
            have = {stem(w) for w in words_of(alias)}
            points = len(have & wanted_set) / max(len(have), 1)
            if have and points > best_points and (points >= 0.5):
                best, best_points = name, points
    return best


def _about(view: View, who: str, text: str) -> Result:
    character, name = view.world.characters[who], view.name(who)
    found = find_topic(character, text) or find_topic(character, _by_other_names(view, text))
    met = [] if view.count(who, "met") else [change(who, "met", 1, "verb:ask")]
    if not found:
        times = view.count(who, "told_nothing")
        counted = [*met, change(who, "told_nothing", times + 1, "verb:ask")]
        says = character.unsure[times] if times < len(character.unsure) else ""
        topic = re.sub(r"\s+", " ", text)[:60]
        return Result([beat("unsure", says=says, times=times, who=name, topic=topic)], counted, [who])
    topic = character.topics[found]
    if not view.holds(topic.when):
        says = view.first_said(topic.otherwise) or character.unsure[0]
        return Result([beat("unsure", says=says, who=name, topic=view.topic_name(who, found))], met, [who])
    because = f"topic:{who}"
    says, times, counted = view.telling(who, f"told_{found}", [topic.says, *topic.again], because)
    changes = [*met, *counted]
    changes += run_effects(topic.effects, apply_changes(dict(view.slots), changes), because)
    return Result([beat("told", says=says, times=times, who=name, topic=view.topic_name(who, found))], changes, [who])


def _by_other_names(view: View, text: str) -> str:
    """The other names of the people in the text: a topic may be called after the gardener, and she Pease."""
    words = set(words_of(text))
    named = [
        person for person in view.world.characters.values() if words & set(words_of(person.name)) - _SMALL - {"mr"}
    ]
    return " ".join(alias for person in named for alias in person.aliases)


def _open_topics(view: View, who: str) -> list[str]:
    """Up to two topics that have not been asked and can be answered now."""
    character = view.world.characters[who]
    still = [n for n, t in character.topics.items() if not view.count(who, f"told_{n}") and view.holds(t.when)]
    return [view.topic_name(who, name) for name in still[:2]]


def _person(view: View, found: Found, focus: list[str]) -> str:
    """The one meant: the one named, else the one spoken with last, else the only one here."""
    named = [key for key in found.ids if key in view.world.characters]
    if named:
        return named[0]
    if found.phrase and found.ids:
        return ""
    if found.phrase and not find_thing(view, found.phrase, focus).ids:
        return ""
    recent = [key for key in focus if key in view.people]
    if recent:
        return recent[0]
    return view.people[0] if len(view.people) == 1 else ""


def _nobody(view: View) -> Result:
    if not view.people:
        return refuse("nobody_here")
    result = refuse("who", verb="talk to")
    result.beats[0]["listed"] = [view.name(key) for key in view.people]
    return result
