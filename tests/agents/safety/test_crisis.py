"""The fixed words: true, warm, complete, and never a claim that somebody was contacted."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from agents.errors import InvalidSetting
from agents.safety.crisis import (
    VERIFIED_DAYS,
    as_typed,
    country_of,
    load_response_book,
    refusal,
    response,
    stale_contacts,
)
from agents.safety.rule_file import safety_folder
from agents.story import Tier

BOOK = load_response_book()
LOCALES = ["", "C", "en", "en-US", "en_CA", "en-GB", "en_GB.UTF-8", "uk", "UK", "en-AU", "en-NZ", "de-DE", "xx", "🦊"]
TIERS: list[Tier] = ["check_in", "crisis"]

CONTACT_CLAIM = re.compile(
    r"\b(?:we|i)(?:'ve| have)? (?:called|contacted|notified|alerted|told|informed)|help is (?:on|coming)"
    r"|(?:has|have) been (?:called|contacted|notified|alerted)|is on (?:its|the) way|will (?:call|contact) you"
)
METHOD = re.compile(
    r"\b(?:how (?:do|would|are) you (?:plan|going)|pills?|gun|rope|knife|method|means|weapon|plan to)\b"
)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("tier", TIERS)
def test_everywhere_has_help_and_no_false_claim(tier: Tier, locale: str) -> None:
    answer = response(tier, locale)
    assert answer["tier"] == tier
    assert answer["paused"] is (tier == "crisis")
    assert answer["resources"]
    for place in answer["resources"]:
        assert place["name"] in answer["text"]
        assert place["contact"] in answer["text"]
    text = answer["text"].lower()
    assert not CONTACT_CLAIM.search(text)
    assert not METHOD.search(text)
    assert "{" not in text


@pytest.mark.parametrize(
    ("locale", "contacts"),
    [
        ("en-US", ["988", "741741"]),
        ("fr_CA", ["988", "findahelpline.com"]),
        ("en-GB", ["116 123", "85258"]),
        ("UK", ["116 123", "85258"]),
        ("en-AU", ["13 11 14"]),
        ("", ["findahelpline.com"]),
        ("de-DE", ["findahelpline.com"]),
    ],
)
def test_a_country_gets_its_own_places_first(locale: str, contacts: list[str]) -> None:
    assert [place["contact"] for place in response("crisis", locale)["resources"]][: len(contacts)] == contacts


def test_no_danger_has_no_response() -> None:
    assert response("none", "en-US") == {"tier": "none", "text": "", "resources": [], "paused": False}


def test_a_crisis_stops_the_story_and_says_how_to_go_on() -> None:
    text = response("crisis")["text"]
    assert "stopped" in text
    assert "resume" in text
    assert "nobody has been told" in text


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("locale", ["", "en-GB"])
def test_the_words_suit_a_directory_and_lines_alike(tier: Tier, locale: str) -> None:
    """A directory is no people who listen: the words only promise a way to them, which both are."""
    words = response(tier, locale)["text"].split("\n\n", maxsplit=1)[0]
    assert "people below" not in words
    assert "elow is how to reach" in words


@pytest.mark.parametrize("tier", TIERS)
def test_what_was_not_played_has_stopped_nothing(tier: Tier) -> None:
    answer = response(tier, "en-GB", paused=False)
    assert (answer["paused"], answer["resources"]) == (False, response(tier, "en-GB")["resources"])
    assert "Nothing of that was played" in answer["text"]
    assert not re.search(r"stopped|pause|go on|resume|Your story", answer["text"])
    assert not CONTACT_CLAIM.search(answer["text"].lower())
    assert all(place["contact"] in answer["text"] for place in answer["resources"])


def test_where_one_types_resume_is_typed() -> None:
    told = response("crisis")["text"]
    assert "type `resume`" not in told
    assert "type `resume`" in as_typed(told)
    assert "choose" not in as_typed(told)
    assert as_typed("You choose the left path.") == "You choose the left path."


def test_a_check_in_asks_one_question_and_lets_play_go_on() -> None:
    text = response("check_in")["text"]
    assert text.count("?") == 1
    assert "go on whenever you like" in text


def test_a_refusal_stays_in_the_story_and_explains_nothing() -> None:
    assert refusal()
    assert not re.search(r"\b(?:policy|rule|AI|model|prompt|sorry|cannot)\b", refusal())


@pytest.mark.parametrize(
    ("locale", "country"),
    [("en-US", "US"), ("zh_Hant_TW", "TW"), ("es_ES@euro", "ES"), ("GB", "GB"), ("en-uk", "GB"), ("de", ""), ("", "")],
)
def test_country_of_a_locale(locale: str, country: str) -> None:
    assert country_of(locale) == country


def test_every_contact_is_dated_and_sourced() -> None:
    contacts = [one for country in BOOK.countries for one in BOOK.contacts(country)]
    assert all(one.verified <= date(2100, 1, 1) and one.source for one in contacts)


def test_a_contact_that_nobody_has_verified_for_half_a_year_is_told() -> None:
    first = min(one.verified for country in BOOK.countries for one in BOOK.contacts(country))
    assert stale_contacts(first + timedelta(days=VERIFIED_DAYS), BOOK) == []
    stale = stale_contacts(first + timedelta(days=VERIFIED_DAYS + 1), BOOK)
    assert f"Samaritans (116 123), verified {first}" in stale


@pytest.mark.parametrize(
    "change",
    [("verified: 2026-11-24", "verified: someday"), ("{emergency}", "{police}"), ("  default:", "  other:")],
)
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, change: tuple[str, str]) -> None:
    path = tmp_path / "resources.yaml"
    text = (safety_folder() / "resources.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(InvalidSetting) as caught:
        load_response_book(path)
    assert caught.value.place == str(path)
