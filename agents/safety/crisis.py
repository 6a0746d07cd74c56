"""The fixed words for a person at risk, by tier and country (`prompts/safety/resources.yaml`). No model writes in play.

A response never claims that anybody was contacted, asks nothing about method or means, and always names at least one
place to turn to. `response` cannot fail once the shipped file has been read; `load_response_book` is strict, so that a
broken file stops the program at its start and not a person's answer.
"""

import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from agents.errors import InvalidSetting
from agents.safety.rule_file import read_yaml, safety_folder
from agents.story import Tier

VERIFIED_DAYS = 180
"""Days after which a contact must be verified anew (the project's requirements)."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_SAME = {"UK": "GB"}
"""What people write for a country besides its ISO 3166 code."""

Words = Annotated[str, Field(min_length=20, max_length=900)]


class Resource(TypedDict):
    """One place to turn to: `{"name": "Samaritans", "contact": "116 123", "how": "call"}`."""

    name: str
    contact: str
    how: str


class CrisisResponse(TypedDict):
    """What is shown instead of a story turn. `paused`: the session waits for the player's explicit `resume`.

    `text` is complete: it lists the resources too, so that a face that shows nothing else still shows help.
    """

    tier: Tier
    text: str
    resources: list[Resource]
    paused: bool


class Contact(BaseModel):
    """A resource as the file holds it: dated, with its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=2)]
    contact: Annotated[str, Field(min_length=2)]
    how: Annotated[str, Field(min_length=2)]
    verified: date
    source: Annotated[str, Field(min_length=2)]

    def shown(self) -> Resource:
        return Resource(name=self.name, contact=self.contact, how=self.how)


class FixedWords(BaseModel):
    """What is said. `crisis`, `crisis_unplayed` and `waiting` may hold `{emergency}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check_in: Words
    crisis: Words
    check_in_unplayed: Words
    crisis_unplayed: Words
    """The same where no turn answers: nothing was played, so nothing has stopped."""
    waiting: Words
    """Of a story that a crisis has paused, to whatever else is asked of it meanwhile."""
    resume: Words
    resume_typed: Words
    """`resume` for a face at which one types."""
    refusal: Words


class ResponseBook(BaseModel):
    """The whole file. `countries` and `emergency` are keyed by ISO 3166 code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1)]
    written: date
    words: FixedWords
    emergency: dict[str, str]
    countries: dict[Annotated[str, Field(pattern="^[A-Z]{2}$")], Annotated[tuple[Contact, ...], Field(min_length=1)]]
    elsewhere: Annotated[tuple[Contact, ...], Field(min_length=1)]

    def contacts(self, country: str) -> tuple[Contact, ...]:
        """The contacts of a country, its own first."""
        return (*self.countries.get(country, ()), *self.elsewhere)

    def emergency_words(self, country: str) -> str:
        """How to reach emergency help there, as the end of a sentence."""
        return self.emergency.get(country, self.emergency["default"])


def stale_contacts(today: date, book: ResponseBook | None = None) -> list[str]:
    """The contacts that nobody has verified for VERIFIED_DAYS, by name and date; `tta doctor` and the gate warn of them."""
    found = book or load_response_book()
    contacts = [one for country in ("", *found.countries) for one in found.contacts(country)]
    old = [one for one in contacts if (today - one.verified).days > VERIFIED_DAYS]
    return sorted({f"{one.name} ({one.contact}), verified {one.verified}" for one in old})


def response(tier: Tier, locale: str = "", *, paused: bool | None = None) -> CrisisResponse:
    """What a person is shown at a tier; a crisis pauses the session, a check-in does not.

    `paused` says otherwise where the words are answered by no turn: only a session that is paused is called so, and
    where none is, the words tell of no story that stopped.
    `locale` is a BCP 47 tag (`en-GB`), a POSIX one (`en_GB.UTF-8`) or a country (`GB`); anything else, and a language
    without a country, gets the resources that serve everywhere. Raises InvalidSetting if the shipped file is broken.
    """
    waits = tier == "crisis" if paused is None else paused
    if tier == "none":
        return CrisisResponse(tier=tier, text="", resources=[], paused=False)
    words, played = load_response_book().words, paused is not False
    if tier == "crisis":
        return _told(words.crisis if played else words.crisis_unplayed, tier, locale, paused=waits)
    return _told(words.check_in if played else words.check_in_unplayed, tier, locale, paused=waits)


def reminder(locale: str = "") -> CrisisResponse:
    """What is shown to a harmless action while a crisis has the session paused: the places to turn to, and how to go on."""
    return _told(load_response_book().words.waiting, "crisis", locale, paused=True)


def _told(words: str, tier: Tier, locale: str, *, paused: bool) -> CrisisResponse:
    book, country = load_response_book(), country_of(locale)
    resources = [contact.shown() for contact in book.contacts(country)]
    listed = "\n".join(f"- {place['name']}: {place['how']} {place['contact']}" for place in resources)
    text = words.format(emergency=book.emergency_words(country)) if "{emergency}" in words else words
    text = f"{text}\n\n{listed}" + (f"\n\n{book.words.resume}" if paused else "")
    return CrisisResponse(tier=tier, text=text, resources=resources, paused=paused)


def as_typed(text: str) -> str:
    """A text that may hold a response, for a face at which one types: it says what to type to go on, not what to choose."""
    words = load_response_book().words
    return text.replace(words.resume, words.resume_typed)


def refusal() -> str:
    """What the story answers to an action that it will not play. It repeats nothing and explains no rule."""
    return load_response_book().words.refusal


def country_of(locale: str) -> str:
    """The country that a locale names, as an ISO 3166 code; empty when it names none."""
    parts = re.split(r"[-_.@]", locale.strip()[:40])
    region = next((part for part in reversed(parts[1:]) if _COUNTRY.fullmatch(part.upper())), "")
    if not region and len(parts) == 1 and _COUNTRY.fullmatch(parts[0]):
        region = parts[0]
    return _SAME.get(region.upper(), region.upper())


@lru_cache(maxsize=4)
def load_response_book(path: Path | None = None) -> ResponseBook:
    """The fixed words and contacts, read once. Raises InvalidSetting with the file and the faulty field."""
    where = path or safety_folder() / "resources.yaml"
    try:
        book = ResponseBook.model_validate(read_yaml(where))
        for words in (book.words.crisis, book.words.crisis_unplayed):
            words.format(emergency=book.emergency["default"])
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        cause = f"The crisis resources are not valid at {field}: {error.errors()[0]['msg']}"
        raise InvalidSetting(cause, place=str(where), cure="Mend the file.") from error
    except (KeyError, IndexError, ValueError) as error:
        cause = "The crisis resources need emergency.default, and no braces but {emergency}"
        raise InvalidSetting(cause, place=str(where), cure="Mend the file.") from error
    return book
