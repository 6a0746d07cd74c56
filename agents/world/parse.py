"""From the player's line to commands: a verb, one phrase or two, and the small word between them.

No grammar of English: the longest known verb phrase at the beginning decides, and the first small word that this verb
takes splits the rest. What cannot be read comes back with the verb `unknown`, never as an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from agents.world.heart import is_of_self, kind_of, spelt_out
from agents.world.schema import World
from agents.world.vocabulary import DIRECTIONS, GESTURES, LEAD_INS, PREPOSITIONS, QUESTION_WORDS, VERBS

MAX_COMMANDS = 4
"""Commands that one action may hold; a longer chain is cut there, and the player is told."""

_SPLITS = {
    "put": ("on", "in", "with"),
    "use": ("on", "with", "in", "to", "at"),
    "give": ("to", "at"),
    "ask": ("about", "for", "to"),
    "unlock": ("with",),
    "lock": ("with",),
    "open": ("with",),
    "take": ("from", "with"),
    "examine": ("with",),
    "talk": ("about",),
    "say": ("to",),
    "read": ("to", "with"),
    "touch": ("with",),
}
_ANY = ("with", "on", "in", "to", "at", "about")
_CLOSER = r"(?:again|once more|one more time|closely|closer|more closely|carefully|properly|hard|harder)"
_PARTICLES = (
    (re.compile(r"^(?:pick|take|lift) (.+) up$"), r"take \1"),
    (re.compile(r"^(?:put|set|lay) (.+) down$"), r"drop \1"),
    (re.compile(r"^leave (.+) (?:here|there|behind)$"), r"drop \1"),
    (re.compile(r"^leave .+ (?:alone|be|in peace)$"), "wait"),
    (re.compile(r"^leave (.+) ((?:on|in|with|under|beside) .+)$"), r"put \1 \2"),
    (re.compile(r"^leave (?:the |this )?(?:room|place|building|house|here)$"), "leave"),
    (re.compile(r"^(?:switch|turn) (?:on|off) (.+)$"), r"use \1"),
    (re.compile(r"^(?:switch|turn) (.+) (?:on|off)$"), r"use \1"),
    (re.compile(r"^(pull|push|drag|haul|lift|move|shove) (.+) (?:up|out|down|off|away|over|in)$"), r"\1 \2"),
    (re.compile(r"^(?:get|climb|jump) (?:off|out of|down from) (.+)$"), r"leave \1"),
    (re.compile(r"^(?:go|turn|walk|head|come|run) back(?: again| the way i came| where i came from)?$"), "go back"),
    (re.compile(r"^(?:return|back)$"), "go back"),
    (re.compile(r"^(?:go|get|step|walk|climb) (?:out|outside|outdoors)$"), "go out"),
    (re.compile(r"^(?:get|climb|step) (?:in|inside)$"), "go in"),
    (re.compile(r"^where (?:am i|are we)$"), "look"),
    (re.compile(r"^(?:i am |i'm |am )?(?:looking|searching) for (.+)$"), r"where is \1"),
    (re.compile(r"^where (?:have|has|had) (.+) (?:gone|got to)$"), r"where is \1"),
    (re.compile(rf"^(?:look|l)(?: around)? {_CLOSER}$"), "look closely"),
    (re.compile(rf"^(?:have |take )?(?:a |another )?{_CLOSER} look(?: around)?$"), "look closely"),
    (re.compile(r"^help (?!me$|us$)(.+)$"), r"assist \1"),
    (re.compile(r"^(.+?) (?:again|once more|one more time)$"), r"\1"),
)
_TIDY = re.compile(r"[\s]+")
_JOINTS = re.compile(r"\s*(?:;|\.(?=\s)|,?\s+(?:and\s+)?then\b)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """One thing that the player wants to do. Phrases are the player's words, not yet matched to things."""

    verb: str
    first: str = ""
    prep: str = ""
    second: str = ""
    raw: str = ""
    said: str = ""
    """The verb as the player said it, for the answer (`shake`, where `verb` is `push`)."""


def parse(text: str, world: World) -> list[Command]:
    """All the commands of the line, at least one; whoever performs them stops at MAX_COMMANDS."""
    line = _TIDY.sub(" ", text.strip().replace("’", "'")).strip()
    spoken = _quoted(line)
    if spoken:
        return [spoken]
    verbs = verb_phrases(world)
    pieces = [piece for part in _JOINTS.split(line) for piece in _split_and(part, verbs) if piece.strip()]
    commands = [_one(piece, verbs, world) for piece in pieces]
    return commands or [Command("unknown", raw=line)]


def parse_offer(text: str, world: World) -> tuple[Command, ...]:
    """The commands of a line that comes up turn after turn, as offers do: what was read lately is known."""
    return _read_lately(text, _Same(world))


class _Same:
    """A world as a key. A world never changes, and is nobody else's equal here: its parts cannot be hashed."""

    __slots__ = ("world",)

    def __init__(self, world: World) -> None:
        self.world = world

    def __hash__(self) -> int:
        return id(self.world)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.world is self.world


@lru_cache(maxsize=512)
def _read_lately(text: str, same: _Same) -> tuple[Command, ...]:
    return tuple(parse(text, same.world))


def verb_phrases(world: World) -> Mapping[str, tuple[str, str]]:
    """Every phrase that begins a command, with its canonical verb and its group. A world's own verbs win."""
    return _phrases(_Same(world))


@lru_cache(maxsize=64)
def _phrases(same: _Same) -> Mapping[str, tuple[str, str]]:
    phrases = dict(_common_phrases())
    for verb, spellings in same.world.verbs.items():
        phrases |= {spelling.lower(): (verb, spelling.lower()) for spelling in (verb, *spellings)}
    return phrases


@lru_cache(maxsize=1)
def _common_phrases() -> dict[str, tuple[str, str]]:
    """Those that every world has."""
    groups = (*GESTURES.items(), *VERBS.items())
    return {spelling: (verb, spelling) for verb, spellings in groups for spelling in spellings}


def direction_of(text: str) -> str:
    """The direction that the words mean, or empty."""
    word = text.strip().lower()
    for lead in ("to the ", "towards the ", "the "):
        word = word.removeprefix(lead)
    return next((name for name, spellings in DIRECTIONS.items() if word in spellings), "")


def _quoted(line: str) -> Command | None:
    found = re.fullmatch(r"[\"“](.+)[\"”]\W*", line)
    return Command("say", first=found[1], raw=line, said="say") if found else None


def _split_and(part: str, verbs: Mapping[str, tuple[str, str]]) -> list[str]:
    """Splits at `and` or a comma where a verb or a direction follows: `take key and go north`, not `key and lamp`."""
    pieces = re.split(r"(\s*,\s*(?:and\s+)?|\s+and\s+)", part)
    done = [pieces[0]]
    for joint, piece in zip(pieces[1::2], pieces[2::2], strict=False):
        if _begins_command(piece.lower(), verbs):
            done.append(piece)
        else:
            done[-1] += joint + piece
    return done


def _begins_command(text: str, verbs: Mapping[str, tuple[str, str]]) -> bool:
    words = text.split()
    if not words or direction_of(text):
        return bool(words)
    return any(" ".join(words[:n]) in verbs for n in (1, 2, 3)) and (len(words) > 1 or words[0] in _ALONE)


_ALONE = frozenset(
    {"look", "wait", "inventory", "goals", "hint", "help", "sing", "listen", "smell", "breathe", "rest", "sit"}
)


def _one(piece: str, verbs: Mapping[str, tuple[str, str]], world: World) -> Command:
    raw = piece.strip()
    if heard := _from_the_heart(raw, verbs, world):
        return heard
    body = raw.lower().strip(" .!,")
    asks = body.endswith("?")
    body = _strip_leads(_past_nod(_strip_leads(body.rstrip("? "), verbs), verbs), verbs) or ("?" if asks else "")
    for pattern, replacement in (*_PARTICLES, *_PARTICLES):  # twice: `pick them up again` is `pick them up` first
        body = pattern.sub(replacement, body)
    if direction := direction_of(body):
        return Command("go", first=direction, raw=raw, said="go")
    words = body.split()
    for n in range(min(5, len(words)), 0, -1):
        phrase = " ".join(words[:n])
        if phrase in verbs and (n < len(words) or _may_stand_alone(verbs[phrase][0], phrase)):
            return _with_phrases(verbs[phrase][0], phrase, " ".join(words[n:]), raw, world)
    if words[:1] == ["assist"]:
        return Command("assist", first=" ".join(words[1:]), raw=raw, said="help")
    if words and (asks or words[0] in QUESTION_WORDS):
        return Command("say", first=body, raw=raw, said="ask")
    return Command("unknown", first=body, raw=raw, said=words[0] if words else "")


def _may_stand_alone(verb: str, phrase: str) -> bool:
    return verb != "examine" or " " not in phrase


def _from_the_heart(raw: str, verbs: Mapping[str, tuple[str, str]], world: World) -> Command | None:
    """A feeling or a small social word; what is a command of this world word for word stays one."""
    plain = raw.lower().strip(" .!?,")
    known = verbs.get(plain)
    if known and known[0] not in ("talk", "thank"):
        return None
    kind, who = kind_of(raw, world)
    if not kind and is_of_self(raw):
        kind = "said"
    return Command("heart", first=kind, prep="to", second=who, raw=raw, said=spelt_out(raw)) if kind else None


def _strip_leads(body: str, verbs: Mapping[str, tuple[str, str]]) -> str:
    """Drops what people say before the verb (`i would like to`, `please`), as long as something is left."""
    while True:
        for lead in LEAD_INS:
            if body.startswith(lead + " ") and body != lead:
                body = body[len(lead) :].strip()
                break
        else:
            break
    if body.startswith("i ") and body not in verbs:
        rest = body[2:].strip()
        return rest or body
    return body.removesuffix(" please").strip()


def _past_nod(body: str, verbs: Mapping[str, tuple[str, str]]) -> str:
    """What stands behind a `perhaps` or a `yes` at the head of a sentence; by itself or nearly so it is an answer."""
    words = body.split()
    for n in (2, 1):
        lead, rest = " ".join(words[:n]).rstrip(","), words[n:]
        if rest and lead in GESTURES["nod"] and verbs.get(lead, ("",))[0] == "nod":
            return " ".join(rest) if len(rest) > _NOD_MORE or _begins_command(" ".join(rest), verbs) else body
    return body


_NOD_MORE = 2
"""Words that may follow a nod and belong to it: `yes please`, `no thank you`, `perhaps so`."""


def _with_phrases(verb: str, said: str, rest: str, raw: str, world: World) -> Command:
    rest = rest.strip()
    if verb == "go" and rest:
        rest = re.sub(r"^(?:to|into|in|through|towards|back to|inside|onto|up to|down to|over to) (?=\S)", "", rest)
        return Command("go", first=direction_of(rest) or rest, raw=raw, said=said)
    if verb == "look" and rest:
        if direction := direction_of(rest):
            return Command("examine", first=direction, raw=raw, said=said)
        bare = re.sub(r"^(?:out of|out at|out|at|in|on|under|behind|up at|down at|over at|around|about) ", "", rest)
        return Command("examine", first=bare, raw=raw, said=said)
    if verb == "ask":
        return _ask(said, rest, raw, world)
    first, prep, second = _cut(rest, _SPLITS.get(verb, _ANY))
    return Command(verb, first, prep, second, raw, said)


def _ask(said: str, rest: str, raw: str, world: World) -> Command:
    """`ask maren about the ferry`, `ask about the ferry`, `tell her why`, `tell maren the lamp is ready`."""
    if rest.startswith("about "):
        return Command("ask", "", "about", rest[6:], raw, said)
    first, prep, second = _cut(rest, ("about", "to"))
    if not second or re.search(r"\b(?:what|who|why|when|where|how)\b", first):
        found = re.match(r"^(.*?)\s*\b((?:what|who|why|when|where|how|if|whether|that)\b.*)$", rest)
        if found:
            first, prep, second = found[1], "about", found[2]
    if not second and rest.split(" for ", 1)[1:]:
        first, second = rest.split(" for ", 1)
    if not second and (whom := spoken_to(rest, world)):
        first, second = whom, rest[len(whom) :].strip(" ,")
    return Command("ask", first.strip(), prep or "about", second, raw, said)


def spoken_to(text: str, world: World) -> str:
    """The person whose name, or a pronoun for whom, the text begins with; empty where it begins with nobody."""
    people = world.characters.values()
    names = {name.lower() for person in people for name in (person.name, *person.aliases)} | {*_PERSONAL}
    names |= {name.removeprefix("the ") for name in names} | {f"the {name}" for name in names}
    return next((name for name in sorted(names, key=len, reverse=True) if f"{text} ".startswith(f"{name} ")), "")


_PERSONAL = ("him", "her", "them", "it")


def _cut(rest: str, preps: tuple[str, ...]) -> tuple[str, str, str]:
    """Splits at the first small word whose meaning this verb takes."""
    words = rest.split()
    for i in range(len(words)):
        for n in (3, 2, 1):
            small = " ".join(words[i : i + n])
            meaning = PREPOSITIONS.get(small)
            if meaning in preps and i + n < len(words):
                return " ".join(words[:i]), str(meaning), " ".join(words[i + n :])
    return rest, "", ""
