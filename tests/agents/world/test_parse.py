"""What a player types becomes the command that was meant."""

import pytest

from agents.world.parse import Command, parse, parse_offer
from agents.world.schema import World


@pytest.mark.parametrize(
    ("text", "verb", "first", "prep", "second"),
    [
        ("look", "look", "", "", ""),
        ("LOOK AROUND.", "look", "", "", ""),
        ("l", "look", "", "", ""),
        ("where am I?", "look", "", "", ""),
        ("x lamp", "examine", "lamp", "", ""),
        ("look at the brass lamp", "examine", "the brass lamp", "", ""),
        ("please examine the lamp", "examine", "the lamp", "", ""),
        ("I would like to take the lamp", "take", "the lamp", "", ""),
        ("i take the lamp", "take", "the lamp", "", ""),
        ("pick the lamp up", "take", "the lamp", "", ""),
        ("put the lamp down", "drop", "the lamp", "", ""),
        ("put lamp on table", "put", "lamp", "on", "table"),
        ("put the letter into the tin box", "put", "the letter", "in", "the tin box"),
        ("n", "go", "north", "", ""),
        ("go north", "go", "north", "", ""),
        ("walk to the garden", "go", "the garden", "", ""),
        ("head upstairs", "go", "up", "", ""),
        ("unlock box with small key", "unlock", "box", "with", "small key"),
        ("use matches on lamp", "use", "matches", "on", "lamp"),
        ("turn the lamp on", "use", "the lamp", "", ""),
        ("give stone to maren", "give", "stone", "to", "maren"),
        ("talk to maren", "talk", "maren", "", ""),
        ("ask maren about the bell", "ask", "maren", "about", "the bell"),
        ("ask about the bell", "ask", "", "about", "the bell"),
        ("ask maren why the lamp is dark", "ask", "maren", "about", "why the lamp is dark"),
        ("wait a moment", "wait", "", "", ""),
        ("i", "inventory", "", "", ""),
        ("what am I carrying?", "inventory", "", "", ""),
        ("hint", "hint", "", "", ""),
        ("what should I do next?", "hint", "", "", ""),
        ("?", "help", "", "", ""),
        ('"Hello there"', "say", "Hello there", "", ""),
        ("ring the bell", "ring", "the bell", "", ""),
        ("toll bell", "ring", "bell", "", ""),
        ("flibber the wug", "unknown", "flibber the wug", "", ""),
        ("émerveille-toi", "unknown", "émerveille-toi", "", ""),
        ("你好", "unknown", "你好", "", ""),
    ],
)
def test_one_command(cottage: World, text: str, verb: str, first: str, prep: str, second: str) -> None:
    """Synonyms, politeness, particles and directions all lead to one canonical command."""
    (command,) = parse(text, cottage)
    assert (command.verb, command.first, command.prep, command.second) == (verb, first, prep, second)


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("take the key and go north", ["take", "go"]),
        ("take the key and the lamp", ["take"]),
        ("take key, lamp, then go north; look", ["take", "go", "look"]),
        ("open the box. take the matches.", ["open", "take"]),
        ("look and wait", ["look", "wait"]),
    ],
)
def test_several_commands(cottage: World, text: str, verbs: list[str]) -> None:
    """A chain is split where a verb follows, a list of things is not."""
    assert [command.verb for command in parse(text, cottage)] == verbs


@pytest.mark.parametrize("text", ["?!", ".", "and", "the", "then then then", "with on in", '""', "a" * 2000, "; ; ;"])
def test_odd_text_is_never_an_error(cottage: World, text: str) -> None:
    """Whatever is typed comes back as at least one command."""
    assert all(isinstance(command, Command) for command in parse(text, cottage))
    assert parse(text, cottage)


def test_an_offer_is_read_anew_for_another_world(cottage: World) -> None:
    own = cottage.model_copy(update={"verbs": {"hum": ["hum a tune"]}})
    for _ in range(2):
        for world in (cottage, own):
            for text in ("hum a tune", "take the lamp and go north"):
                assert parse_offer(text, world) == tuple(parse(text, world))
    assert parse_offer("hum a tune", own) != parse_offer("hum a tune", cottage)
    assert parse_offer("hum a tune", own) is parse_offer("hum a tune", own), "what was read lately is known"
