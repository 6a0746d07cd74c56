"""What a player has asked a story to leave out, found in any text that would be told.

    topics = topics_of(("spiders", "grandmother"))
    topics.find("A cobweb trembles in the corner.")[0]["id"]    -> "avoided:spiders"

Common topics have families of words (`prompts/safety/topics.yaml`): who avoids spiders sees no web, nor the word that was
typed. Any other topic is found by the stems of its words, all of them in one sentence, and where its script parts no
words, as it is written.
Signals name the authored topic, or `own`: never a player's words.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated

import snowballstemmer
from pydantic import BaseModel, ConfigDict, Field

from agents.errors import InvalidInput
from agents.safety.normalise import views
from agents.safety.rule_file import read_model, safety_folder
from agents.story import Signal

MOST, LONGEST = 12, 40
"""Topics that a session may have, and characters that one may have."""

_STEMMER = snowballstemmer.stemmer("english")
_WORD = re.compile(r"[^\W_]+")
_SMALL = """a an the of my our your his her their and or any all to in on being with about"""
_PLAIN = frozenset(_SMALL.split())
_ARTICLE = re.compile(r"^(?:an?|the) (?=.)")
_LATIN = re.compile(r"[a-z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Topic(BaseModel):
    """A topic as an author writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z_]{2,30}$")]
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    words: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z]+\*?( [a-z]+\*?)*$")], ...], Field(min_length=1)]
    unless: tuple[str, ...] = ()
    must: Annotated[tuple[str, ...], Field(min_length=1)]
    must_not: Annotated[tuple[str, ...], Field(min_length=1)]

    def called(self, names: Iterable[str]) -> "Topic":
        """The topic of a player who calls it so: these names, in the one number and the other, are words of it, too. Not
        those that stand in a sentence beside it: who calls alcohol "drink" may still drink tea.
        """
        forms = (form for name in names for form in (name, name.removesuffix("s"), f"{name}s"))
        said = (views(form).words for form in forms)
        beside = [views(text).words for text in self.must_not]
        more = (form for form in said if not any(_said(text, _pattern([form]), None) for text in beside))
        return self.model_copy(update={"words": tuple(dict.fromkeys((*self.words, *more)))})


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: tuple[Topic, ...]


class Topics:
    """The topics of one session, compiled. Pure; safe to share."""

    def __init__(self, known: Iterable[Topic], own: Iterable[Sequence[str]] = ()) -> None:
        """`own` are topics that no author knows, each by its stems."""
        self._known = tuple((topic.id, _pattern(topic.words), _pattern(topic.unless)) for topic in known)
        self._own = tuple(frozenset(stems) for stems in own if stems)

    def __bool__(self) -> bool:
        return bool(self._known or self._own)

    def find(self, text: str) -> list[Signal]:
        """A signal a topic that the text touches."""
        if not self:
            return []
        words = views(text).words
        found = [name for name, any_, unless in self._known if _said(words, any_, unless)]
        if self._own and (any(map(self._holds, words.split(" . "))) or self._writes(text)):
            found.append("own")
        return [Signal(source="rule", id=f"avoided:{name}", category="avoided_topic", confidence=1.0) for name in found]

    def _holds(self, sentence: str) -> bool:
        stems = set(stems_of(sentence))
        return any(topic <= stems for topic in self._own)

    def _writes(self, text: str) -> bool:
        """Whether a topic in a script without our stems, or without spaces, stands there as it is written."""
        low = text.casefold()
        return any(all(not _LATIN.search(stem) and stem in low for stem in topic) for topic in self._own)


NO_TOPICS = Topics(())


@lru_cache(maxsize=256)
def topics_of(avoid: tuple[str, ...]) -> Topics:
    """The topics that a player named, in any words. A name that holds an authored topic's name means that topic."""
    known, own = dict[str, Topic](), list[list[str]]()
    for name in avoid[:MOST]:
        if found := _authored(name):
            for topic, called in found:
                known[topic.id] = known.get(topic.id, topic).called(called)
        else:
            own.append(stems_of(name[:LONGEST]) or [name.casefold().strip()])
    return Topics(known.values(), own) if avoid else NO_TOPICS


def check_topics(names: Sequence[str]) -> list[str]:
    """The topics as a session keeps them: trimmed, each once, whatever its article.

    Raises InvalidInput for too many, or what is no topic.
    """
    trimmed = [" ".join(name.split()) for name in names]
    kept = list({_ARTICLE.sub("", name.casefold()): name for name in trimmed if name}.values())
    if names and not kept:
        raise InvalidInput("No topic to avoid is named", cure="Name one, such as spiders.")
    if len(kept) > MOST:
        raise InvalidInput(f"{len(kept)} topics to avoid; {MOST} are the most", cure="Leave some out.")
    for name in kept:
        if name.isascii() and not stems_of(name):
            raise InvalidInput(
                f"'{name[:LONGEST]}' is in every sentence and no topic", cure="Name a thing, such as spiders."
            )
        if len(name) > LONGEST:
            raise InvalidInput(f"A topic to avoid has at most {LONGEST} characters", cure="Say it shorter.")
        if _CONTROL.search(name) or not any(map(str.isalpha, name)):
            raise InvalidInput("A topic to avoid is a word or a few, in letters", cure="Say it in letters.")
    return kept


def is_named(name: str) -> bool:
    """Whether it is an authored topic's name and nothing more: who avoids suicide asks for no help with that word."""
    return frozenset(stems_of(name)) in _index()


def stems_of(text: str) -> list[str]:
    """The stems of the words that mean something, in order."""
    return _STEMMER.stemWords([word for word in _WORD.findall(views(text).raw.lower()) if word not in _PLAIN])


def _authored(name: str) -> list[tuple[Topic, tuple[str, ...]]]:
    """The authored topics that a name means, each with what it is called by: one called so, or those whose own name is
    among its words.
    """
    stems = frozenset(stems_of(name))
    index = _index()
    if exact := index.get(stems):
        return [exact]
    return [called for names, called in index.items() if names and names < stems]


@cache
def _index() -> dict[frozenset[str], tuple[Topic, tuple[str, ...]]]:
    """Each topic by the stems of its names, and the names of these stems."""
    index = dict[frozenset[str], tuple[Topic, tuple[str, ...]]]()
    for topic in read_topics():
        for name in (topic.id.replace("_", " "), *topic.names):
            stems = frozenset(stems_of(name))
            index[stems] = topic, (*index.get(stems, (topic, ()))[1], name)
    return index


@cache
def read_topics(path: Path | None = None) -> tuple[Topic, ...]:
    """The topics of a file (default: the shipped one). Raises InvalidSetting with its place."""
    return read_model(path or safety_folder() / "topics.yaml", _File, "topics", whole=True).topics


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    branches = "|".join(re.escape(entry).replace(r"\*", r"\w{0,12}").replace(r"\ ", " ") for entry in words)
    return re.compile(rf"\b(?:{branches})\b") if branches else None


def _said(words: str, any_: re.Pattern[str] | None, unless: re.Pattern[str] | None) -> bool:
    """Whether a family's word stands in the text, elsewhere than in what excuses it."""
    left = unless.sub(" ", words) if unless else words
    return bool(any_ and any_.search(left))
