"""The built-in verbs: one function each, `(view, command, first, second, focus) -> Result`, by canonical name."""

from collections.abc import Callable

from agents.world.nouns import Found
from agents.world.parse import Command
from agents.world.result import Result
from agents.world.verbs import feeling, gestures, handling, looking, moving, opening, seeking, talking
from agents.world.view import View

Verb = Callable[[View, Command, Found, Found, list[str]], Result]

VERB_FUNCTIONS: dict[str, Verb] = {
    "look": looking.look,
    "examine": looking.examine,
    "read": looking.read,
    "who": looking.who,
    "where": seeking.where_is,
    "heart": feeling.heart,
    "assist": talking.assist,
    "inventory": looking.inventory,
    "goals": looking.goals,
    "hint": looking.hint,
    "help": looking.help_,
    "go": moving.go,
    "take": handling.take,
    "drop": handling.drop,
    "put": handling.put,
    "give": handling.give,
    "use": handling.use,
    "open": opening.open_,
    "close": opening.close,
    "lock": opening.lock,
    "unlock": opening.unlock,
    "talk": talking.talk,
    "ask": talking.ask,
    "say": talking.say,
    "wait": gestures.wait,
    "breathe": gestures.breathe,
}

PREFERENCES: dict[str, Callable[[View, str], bool]] = {
    "take": handling.can_take,
    "drop": lambda view, key: key in view.inventory,
    "put": lambda view, key: key in view.inventory,
    "give": lambda view, key: key in view.inventory,
    "use": lambda view, key: key in view.inventory,
    "open": opening.can_open,
    "close": opening.can_close,
    "lock": opening.can_lock,
    "unlock": opening.can_lock,
    "read": lambda view, key: key in view.world.items and view.world.items[key].read is not None,
    "talk": lambda view, key: key in view.world.characters,
    "ask": lambda view, key: key in view.world.characters,
    "hug": lambda view, key: key in view.world.characters,
    "thank": lambda view, key: key in view.world.characters,
}
"""Which of several things that fit the words a verb most likely means."""


def verb_function(verb: str) -> Verb:
    """The function of a verb; anything else is a gesture, which changes nothing."""
    return VERB_FUNCTIONS.get(verb, gestures.gesture)
