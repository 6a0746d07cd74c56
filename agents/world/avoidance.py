"""A scene without what the player has asked to leave out, and with a plain word that something is left out.

Authors' words are cut by the sentence. A beat of which nothing stays, a name, a thing that lies there: whatever goes,
one beat `left_out` says so, in words of ours; nothing that the player must not miss is lost in silence.
"""

from collections.abc import Callable
from typing import cast

from agents.safety.sentences import split_sentences
from agents.safety.topics import Topics
from agents.story import Beat
from agents.world.beats import beat
from agents.world.scene import Person, Scene, Way

LEFT_OUT = "Something here is left out, as you asked."
"""Ours."""

UNNAMED = "something"


def leave_out(text: str, topics: Topics) -> str:
    """The text without its sentences on those topics; LEFT_OUT stands once, where the first of them stood."""
    if not topics or not topics.find(text):
        return text
    paragraphs, said = list[str](), False
    for paragraph in text.split("\n\n"):
        kept = list[str]()
        for sentence in split_sentences(paragraph):
            if not topics.find(sentence):
                kept.append(sentence)
            elif not said:
                said = True
                kept.append(LEFT_OUT)
        paragraphs.append(" ".join(kept))
    told = "\n\n".join(filter(None, paragraphs))
    return told if not topics.find(told) else LEFT_OUT


def clear_scene(scene: Scene, topics: Topics, avoid: list[str]) -> Scene:
    """The scene as it may be told; the narrator is told of the topics, too. The same scene where there are none."""
    if not topics:
        return scene

    def keep(name: str) -> bool:
        return not topics.find(name)

    told = Scene(**scene)
    told["beats"] = _clear_beats(scene["beats"], topics, keep)
    told["textures"] = list(filter(keep, scene["textures"]))
    told["items"] = list(filter(keep, scene["items"]))
    told["carried"] = list(filter(keep, scene["carried"]))
    told["goals"] = list(filter(keep, scene["goals"]))
    told["exits"] = [_clear_way(way, keep) for way in scene["exits"]]
    told["people"] = [_clear_person(person, keep) for person in scene["people"]]
    if not keep(scene["place"]) or not keep(scene.get("where", "")):
        told["place"], told["where"] = "this place", "here"
    told["title"] = scene["title"] if keep(scene["title"]) else ""
    told["avoid"] = avoid
    return told


def _clear_beats(beats: list[Beat], topics: Topics, keep: Callable[[str], bool]) -> list[Beat]:
    told, said = list[Beat](), False
    for each in beats:
        made, less = _clear_beat(each, topics, keep)
        if made is not None:
            told.append(made)
        if less and not said:
            said = True
            told.append(beat("left_out", says=LEFT_OUT))
    return told


def _clear_beat(given: Beat, topics: Topics, keep: Callable[[str], bool]) -> tuple[Beat | None, bool]:
    """The beat as it may be told, none if its authored words are gone, and whether anything is."""
    made = Beat(**given)
    if says := given.get("says"):
        made["says"] = " ".join(s for s in split_sentences(says) if keep(s))
        if not made["says"] or not keep(made["says"]):
            return None, True
    if "listed" in given:
        made["listed"] = list(filter(keep, given["listed"]))
    if "names" in given:
        made["names"] = {key: value if keep(value) else UNNAMED for key, value in given["names"].items()}
    return made, made.get("listed") != given.get("listed") or len(made.get("says", "")) < len(given.get("says", ""))


def _clear_way(way: Way, keep: Callable[[str], bool]) -> Way:
    return cast(Way, {key: value for key, value in way.items() if not isinstance(value, str) or keep(value)})


def _clear_person(person: Person, keep: Callable[[str], bool]) -> Person:
    made = Person(**person)
    made["gestures"] = list(filter(keep, person["gestures"]))
    made["wants"] = person["wants"] if keep(person["wants"]) else ""
    return made
