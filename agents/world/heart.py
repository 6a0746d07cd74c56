"""What people say of themselves, and small social words: known by their sense, answered plainly, never refused.

The kinds, how each is known and the answers that every world has are data: `prompts/heart/heart.yaml`. A world and its
characters may have lines of their own (`heart:` in the world file). Danger is the safety agent's matter and was asked
about before anything here is read.
"""

import re
from functools import lru_cache
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from agents.errors import InvalidSetting
from agents.story import Change, change
from agents.world.beats import beat
from agents.world.language import PLAYER
from agents.world.result import Result
from agents.world.schema import World
from agents.world.view import View
from agents.yamls import YamlFault, read_yaml

_Text = Annotated[str, StringConstraints(min_length=1, max_length=400)]
_HOW_MUCH = (
    "(?: (?:so|very|really|a bit|a little|bit|too|still|just|quite|all|also|rather|such|pretty|feeling|always|kind of"
    "|sort of|getting|in|of|extremely|absolutely|totally|completely|also|now))*"
)
_MORE = (
    "(?:,? (?:too|now|today|again|tonight|inside|here|anymore|any more|lately|sometimes|all|as well|right now|but|and|or"
    "|because|that|to|of|with|at|for|about|without|since|when|as|in|from|this|these|enough|actually|really|i|my|it|he|she|they|we|what|how|whether|if)\\b.*)?"
)
_FEELS = (
    rf"(?:i am|i feel|i am feeling|feeling|i have been|i have been feeling|i get|it makes me|i felt|i was){_HOW_MUCH}"
)
_OF_SELF = re.compile(
    r"(?:i am(?! (?:going to|looking|taking|trying)\b)|i feel(?! (?:the|for|around|under|behind|along|my pockets?)\b)"
    r"|i have (?!to\b|a look|the \w+$)|i was|i had|i can not"
    r"|i could not|i do not|i did not|i never|i wish|i love|i hate|i need (?!to\b)|i hope|i keep|i used to|i lost|i regret"
    r"|i know|i believe|i remember|i dreamt|i dreamed|i trust|i should have|i wanted|i loved|i hated|i thought|i felt"
    r"|my (?:life|heart|head|mother|mum|mom|father|dad|brother|sister|son|daughter|wife|husband|partner|friend|friends"
    r"|dog|cat|job|family|parents|child|children|boss|girlfriend|boyfriend|nan|gran|grandmother|grandfather|mind)\b"
    r"|nobody|no one|everyone|everybody|everything is|nothing (?:matters|helps|works)|life is|it hurts|it is hard"
    r"|people (?:are|never|always|do not))\b.*"
)
_I_THINK = (
    r"^i (?:just |really |do )?(?:think|guess|suppose|know|feel like|feel that|feel as if) (?:that )?"
    r"(?=(?:i|nobody|no one|my|it|everyone|everybody) )"
)
_SPELT_OUT = (
    (re.compile(r"\bi'?m\b"), "i am"), (re.compile(r"\bi'?ve\b"), "i have"), (re.compile(r"\bi'd\b"), "i would"),
    (re.compile(r"\bcan'?t\b|\bcannot\b"), "can not"),
    (re.compile(r"\b(do|did|does|could|is|are|was|have|has)n'?t\b"), r"\1 not"),
    (re.compile(r"\b(he|she|it|that|what|who|there)'s\b"), r"\1 is"), (re.compile(r"\bthey're\b"), "they are"),
    (re.compile(_I_THINK), ""),
    (re.compile(r"^(?:oh|well|ah|um|er|hm+|sigh|but|because|honestly|actually|also|and|so|yes|no|perhaps|maybe),? "), ""),
)  # fmt: skip


class Kind(BaseModel):
    """One kind of saying, as its author writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str = ""
    feels: list[_Text] = []
    means: list[_Text] = []
    answers: list[_Text]
    beside: list[_Text] = []


@lru_cache(maxsize=1)
def kinds() -> dict[str, Kind]:
    """All kinds, in the author's order. Raises InvalidSetting for a file that cannot be read."""
    file = resources.files("prompts") / "heart" / "heart.yaml"
    try:
        return TypeAdapter(dict[str, Kind]).validate_python(read_yaml(file.read_text(encoding="utf-8")).data)
    except (YamlFault, ValueError) as error:
        raise InvalidSetting(f"The answers to feelings cannot be read: {error}"[:300], place=str(file)) from error


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found: list[tuple[str, re.Pattern[str]]] = []
    for name, kind in kinds().items():
        ways = [f"(?:{text})" for text in kind.means]
        if kind.feels:
            feelings = "|".join(re.escape(word) for word in sorted(kind.feels, key=len, reverse=True))
            ways.append(f"{_FEELS} (?:{feelings}){_MORE}")
        if ways:
            found.append((name, re.compile("|".join(ways))))
    return found


def hear(text: str) -> str:
    """The kind of a sentence that is about the speaker or only polite; empty for anything else."""
    plain = spelt_out(text)
    return next((name for name, pattern in _patterns() if pattern.fullmatch(plain)), "")


def is_of_self(text: str) -> bool:
    """Whether a sentence that nothing else could read speaks of the player's own life."""
    return bool(_OF_SELF.fullmatch(spelt_out(text)))


def spelt_out(text: str) -> str:
    """Lower case, without marks at the end, and with `I'm` written out."""
    plain = re.sub(r"\s+", " ", text.lower().replace("’", "'")).strip(" .!?,;…")
    for pattern, instead in _SPELT_OUT:
        plain = pattern.sub(instead, plain)
    return plain


def addressed(text: str, world: World) -> tuple[str, str]:
    """Who is spoken to, in the player's words, and what is said: `tell isbel i am sorry`, `thank you, dod`."""
    plain = spelt_out(text)
    names = [
        name.lower().removeprefix("the ")
        for person in world.characters.values()
        for name in (person.name, *person.aliases)
    ]
    named = "|".join(re.escape(name) for name in sorted({*names}, key=len, reverse=True))
    who = f"{named}|him|her|them|it"
    for pattern in (
        rf"(?:tell|say to|assure) (?:the )?(?P<who>{who})(?: that)? (?P<said>.+)",
        rf"(?:say|whisper) (?P<said>.+?) to (?:the )?(?P<who>{who})",
        rf"(?:give|offer) (?:the )?(?P<who>{who}) (?P<said>a hug|a cuddle|a kiss|my condolences|my thanks)",
        rf"give (?P<said>a hug|a cuddle|a kiss) to (?:the )?(?P<who>{who})",
        rf"ask (?:the )?(?P<who>{who}) for (?P<said>help|a hug|a story|a joke)",
        rf"(?P<said>.+?),? (?P<who>{named})",
        rf"(?P<who>{named}), (?P<said>.+)",
    ):
        if names and (found := re.fullmatch(pattern, plain)):
            return found["who"], _SHORT.get(found["said"], found["said"])
    return "", plain


_SHORT = {"a joke": "tell a joke", "another joke": "tell a joke", "a story": "tell me a story", "help": "ask for help",
          "my thanks": "thank you"}  # fmt: skip
HUGS = frozenset({"a hug", "a cuddle", "a kiss", "hug", "hug me", "i need a hug"})


def kind_of(text: str, world: World) -> tuple[str, str]:
    """The kind of the sentence and whom it is said to; two empty texts for a sentence of another sort."""
    if kind := ("hug" if spelt_out(text) in HUGS else hear(text)):
        return kind, ""
    who, said = addressed(text, world)
    kind = ("hug" if said in HUGS else hear(said)) if who else ""
    return (kind, who) if kind else ("", "")


def own_word(kind: str, said: str) -> str:
    """The player's own word for the feeling, as the kind's author lists it: `nervous`, where the kind is `afraid`."""
    feels = sorted(kinds()[kind].feels, key=len, reverse=True)
    pattern = rf"{_FEELS} ({'|'.join(map(re.escape, feels))}){_MORE}"
    found = re.fullmatch(pattern, said) if feels else None
    return found[1] if found else ""


def answer_heart(view: View, kind: str, who: str, said: str = "") -> Result:
    """The answer: what holds it, and the manner of whoever is there. Its lines go round, so that they differ.

    `said` is the player's sentence, spelt out: an answer that repeats the feeling calls it by the player's word.
    """
    word = own_word(kind, said)
    times = view.count(PLAYER, f"told_heart_{kind}")
    counted = [change(PLAYER, f"told_heart_{kind}", times + 1, _BECAUSE)]
    if who:
        line, more = _next_line(view, kind, who)
        if _group(kind) in ("hurt", "glad"):
            first, also = _next_line(view, kind, "")
            line, more = f"{first} {line}", [*more, *also]
        made = beat("heard", says=_filled(view, line, who, word), times=times, who=view.name(who))
        return Result([made], [*counted, *more], [who])
    line, more = _next_line(view, kind, "")
    return Result([beat("heard", says=_filled(view, line, "", word), times=times)], [*counted, *more])


_BECAUSE = "verb:heart"


def _next_line(view: View, kind: str, who: str) -> tuple[str, list[Change]]:
    """The next of the lines that answer the kind, and the change that counts it.

    Counted for whoever's lines they are, not for the kind: sad and lonely may share their lines, and two people theirs.
    """
    subject = who or PLAYER
    name, lines = _lines(kind, [view.world.characters[who].heart], "beside") if who else ("", [])
    if not lines:
        name, lines = _lines(kind, [view.world.heart], "answers")
    elif len(lines) == 1:  # a single line would come back the very next time
        lines = [*lines, *_lines(kind, [], "beside")[1]]
    relation = f"told_heart_lines_{name}"
    times = view.count(subject, relation)
    return lines[times % len(lines)], [change(subject, relation, times + 1, _BECAUSE)]


def _group(kind: str) -> str:
    while of := kinds()[kind].of:
        kind = of
    return kind


def _lines(kind: str, written: list[dict[str, list[str]]], default: str) -> tuple[str, list[str]]:
    """The author's lines for the kind or for what it is a kind of, and which; where there are none, those of every world."""
    names = [kind]
    while of := kinds()[names[-1]].of:
        names.append(of)
    for lines in written:
        if found := next(((name, lines[name]) for name in names if lines.get(name)), None):
            return found
    return next(((name, lines) for name in names if (lines := getattr(kinds()[name], default))), (kind, []))


def _filled(view: View, line: str, who: str, word: str) -> str:
    person = view.world.characters.get(who)
    they = person.pronoun if person else "they"
    them, their = {"she": ("her", "her"), "he": ("him", "his"), "it": ("it", "its")}.get(they, ("them", "their"))
    name, place = view.name(who) if who else "", view.location.name
    words = {"who": name, "Who": name[:1].upper() + name[1:], "place": place, "Place": place[:1].upper() + place[1:],
             "they": they, "them": them, "their": their,
             "so": f"that you are {word}" if word else "so"}  # fmt: skip
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[0]), line)
