"""From the player's words to the things in sight."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agents.world.view import View, looks_plural
from agents.world.vocabulary import ALL_WORDS, ARTICLES, PRONOUNS

_WORD = re.compile(r"[\w']+")


@dataclass(frozen=True)
class Found:
    """What a phrase means: the things, or the question to ask, or nothing known.

    `detail` names scenery of the location, which is no entity. `asked` are the candidates of an open question.
    """

    ids: list[str] = field(default_factory=list[str])
    detail: str = ""
    asked: list[str] = field(default_factory=list[str])
    phrase: str = ""

    @property
    def known(self) -> bool:
        return bool(self.ids or self.detail)


def words_of(text: str) -> list[str]:
    """Lower-case words without articles, a plain plural s kept."""
    return [w for w in _WORD.findall(text.lower().replace("’", "'").replace("-", " ")) if w not in ARTICLES]


def _names(view: View, key: str) -> list[str]:
    entity = view.entity(key)
    return [entity.name, *entity.aliases, key.replace("_", " ")] if entity else []


WHOLE_NAME, LAST_WORD, SOME_WORDS = 3, 2, 1
"""How well words may fit a name, as `score` tells."""


def score(wanted: list[str], names: Iterable[str]) -> int:
    """How well the words fit one of the names: WHOLE_NAME, LAST_WORD, SOME_WORDS, or 0 for not at all."""
    best, stems = 0, [stem(word) for word in wanted]
    for name in names:
        have = words_of(name)
        if wanted == have:
            return WHOLE_NAME
        bare = [stem(word) for word in have]
        # `anders` is not `anders's chair`: what somebody owns is not called by their name alone.
        own = {stem(word) for word in have if not word.endswith("'s")}
        if wanted and have and set(stems) <= set(bare) and (stems[-1] in own or wanted[-1].endswith("'s")):
            best = max(best, LAST_WORD if stems[-1] == bare[-1] else SOME_WORDS)
    return best


def stem(word: str) -> str:
    """The word without a plural or possessive s: enough to match a name or a topic."""
    word = word.removesuffix("'s")
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _begins(wanted: list[str], names: Iterable[str]) -> bool:
    """Whether the one word is the beginning of a name's word: `bird` for `birdcage`."""
    return (
        len(wanted) == 1
        and len(wanted[0]) >= _FEWEST
        and any(word.startswith(wanted[0]) and not word.endswith("'s") for name in names for word in words_of(name))
    )


DETAIL, MISSED, GROUP = "~", "!", "&"
"""Marks, in the focus list, a detail of a place (`~berth.tooth_glass`), a phrase that named nothing in sight, and, at its
head, how many things were spoken of together (`&2`)."""

_FEWEST = 4
"""Letters that a part of a word must have to be taken for it."""


def find_thing(view: View, phrase: str, focus: list[str], prefer: Callable[[str], bool] | None = None) -> Found:
    """The thing in sight that the phrase names.

    `prefer` tells which of several equally good candidates the verb makes likely (what can be taken, for `take`).
    """
    wanted = words_of(phrase)
    bare = phrase.strip().lower()
    if bare in PRONOUNS or (len(wanted) == 1 and wanted[0] in PRONOUNS):
        return _pronoun(view, bare if bare in PRONOUNS else wanted[0], focus, prefer)
    if not wanted:
        return Found(phrase=phrase)
    scored = [(score(wanted, _names(view, key)), key) for key in _in_sight(view)]
    best = max((points for points, _ in scored), default=0)
    for name, detail in view.details.items():
        if score(wanted, [name.replace("_", " "), *detail.aliases]) > best:
            return Found(detail=name, phrase=phrase)
    if not best:
        return _by_beginning(view, phrase, wanted)
    # A whole name wins outright; otherwise every candidate that fits is asked about.
    found = [key for points, key in scored if points == best]
    found = list(dict.fromkeys(found))
    if len(found) > 1 and prefer:
        found = [key for key in found if prefer(key)] or found
    if len(found) > 1:
        return Found(asked=found, phrase=phrase)
    return Found(ids=found, phrase=phrase)


def _by_beginning(view: View, phrase: str, wanted: list[str]) -> Found:
    """A last guess: the one thing here, or else the one detail, that begins with the word."""
    begun = [key for key in _in_sight(view) if _begins(wanted, _names(view, key))]
    if len(begun) == 1:
        return Found(ids=begun, phrase=phrase)
    details = [n for n, d in view.details.items() if _begins(wanted, [n.replace("_", " "), *d.aliases])]
    if begun or len(details) != 1:
        return Found(asked=begun, phrase=phrase)
    return Found(detail=details[0], phrase=phrase)


def detail_called(view: View, found: Found) -> str:
    """A detail by the player's own word where that is another one than its name: no `urn` for whoever said `card`."""
    own, said = words_of(found.detail.replace("_", " ")), words_of(found.phrase)
    if {stem(word) for word in said} & {stem(word) for word in own} or not said:
        return view.detail_name(found.detail)
    return f"the {' '.join(said)}"


def is_all(phrase: str) -> bool:
    """Whether the phrase means everything in sight."""
    return " ".join(words_of(phrase)) in ALL_WORDS or phrase.strip().lower() in ALL_WORDS


def find_all(view: View, phrase: str, focus: list[str], prefer: Callable[[str], bool]) -> Found:
    """Like `find_thing`, and `everything` means all that the verb would be tried on."""
    if is_all(phrase):
        return Found(ids=[key for key in _in_sight(view) if prefer(key)], phrase=phrase)
    return find_thing(view, phrase, focus, prefer)


def parts_of(phrase: str) -> list[str]:
    """The phrases of a list: `the key and the lamp`, `key, lamp`; one phrase for anything else."""
    return [part for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*", phrase) if part.strip()]


def find_place(view: View, phrase: str) -> str:
    """The id of a place that the player can name: one next to here, or one visited. Empty when there is none."""
    wanted = words_of(phrase)
    near = [way.to for way in view.exits.values()]
    known = [key for key in view.world.locations if view.count(key, "visits")]
    scored = [(score(wanted, _names(view, key)), key) for key in dict.fromkeys([*near, *known])]
    best = max((points for points, _ in scored), default=0)
    return next((key for points, key in scored if points == best), "") if best else ""


def find_direction_of(view: View, place: str) -> str:
    """The direction that leads straight to a place, or empty."""
    return next((d for d, way in view.exits.items() if way.to == place), "")


def _in_sight(view: View) -> list[str]:
    return list(dict.fromkeys([*view.items_carried, *view.items_here, *view.people]))


def people_fitting(view: View, word: str) -> list[str]:
    """Those here whom a pronoun can mean: `her` a woman, `it` a pigeon that is called so."""
    wanted = _CALLED.get(word) or PRONOUNS[word]
    return [key for key in view.people if view.world.characters[key].pronoun == wanted]


_CALLED = {"it": "it", "them": "they"}
"""Pronouns of things by which a person may be called, too."""


def _pronoun(view: View, word: str, focus: list[str], prefer: Callable[[str], bool] | None) -> Found:
    """What was spoken of last and fits, else the only one here whom it fits."""
    sight, people = _in_sight(view), people_fitting(view, word)
    if word == "them" and prefer and (meant := [key for key in view.people if prefer(key)]):
        people = people or meant  # a verb for people: of anybody one may say `they`
        sight = view.people
    things = PRONOUNS[word] == "thing"
    if word in _MANY and (group := _group(view, focus, prefer)):
        return Found(ids=group, phrase=word)
    for key in focus:
        if things and (found := _unlisted(view, key, word)):
            return found
        if key in sight and (key in people or (things and key not in view.people and _called_so(view, key, word))):
            return Found(ids=[key], phrase=word)
    return Found(ids=people, phrase=word) if len(people) == 1 else Found(phrase=word)


def _group(view: View, focus: list[str], prefer: Callable[[str], bool] | None) -> list[str]:
    """The things that were spoken of together in the last breath, where they were several."""
    count = focus[0].removeprefix(GROUP) if focus and focus[0].startswith(GROUP) else "0"
    named = [key for key in focus[1 : int(count) + 1] if key in _in_sight(view) and key not in view.people]
    return [key for key in named if prefer(key)] or named if prefer else named


def _unlisted(view: View, key: str, word: str) -> Found | None:
    """What the focus holds and no list of things does: a detail of this place, or a thing that was not to be seen."""
    here, _, name = key.removeprefix(DETAIL).partition(".")
    if key.startswith(DETAIL) and here == view.here and name in view.details:
        return Found(detail=name, phrase=name.replace("_", " ")) if word not in _MANY else None
    phrase = key.removeprefix(MISSED)
    return Found(phrase=phrase) if key.startswith(MISSED) and (word in _MANY) == looks_plural(phrase) else None


def _called_so(view: View, key: str, word: str) -> bool:
    """Whether `them` may mean the thing: not one letter, but a box of matches, which are matches."""
    return word not in _MANY or view.is_plural(view.name(key)) or any(map(looks_plural, words_of(view.name(key))))


_MANY = frozenset({"them", "these", "those"})
