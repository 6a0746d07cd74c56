"""What may be sent to a story: actions, names, idempotency keys, checked before anything is done."""

import hashlib
import re

from agents.errors import InvalidAction, InvalidInput
from agents.story import MAX_ACTION

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def check_action(action: object) -> str:
    """The action's text, trimmed. Raises InvalidAction for what cannot be played."""
    if not isinstance(action, str):
        raise InvalidAction("An action is text", cure='Send {"action": "look around"}.')
    text = action.strip()
    if not text:
        raise InvalidAction("The action is empty", cure="Say what you do, such as `look around`.")
    if len(text) > MAX_ACTION:
        raise InvalidAction(f"The action has {len(text)} characters; {MAX_ACTION} are the most", cure="Say it shorter.")
    if _CONTROL.search(text) or any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidAction("The action holds control characters", cure="Send plain text in UTF-8.")
    return text


def check_name(name: str) -> str:
    """A branch's name: 1 to 40 letters, digits, spaces, `-` and `_`. Raises InvalidInput."""
    plain = name.strip()
    if not re.fullmatch(r"[\w][\w -]{0,39}", plain):
        raise InvalidInput("A branch's name has 1 to 40 letters, digits, spaces, - and _", cure="Choose another name.")
    return plain


def turn_id_of(session: str, key: str) -> str:
    """The turn_id that an Idempotency-Key stands for: the same key on the same session is the same turn."""
    return hashlib.sha256(f"{session}\n{key}".encode()).hexdigest()[:32]
