"""A client of the API for games, scripts and tests: async, typed, with streams that are taken up again.

    async with open_client("https://story.example", login=Password("ada", secret)) as client:
        begun = await client.sessions.create("night_train")
        async for event in client.turns.stream(begun.session, "look around"):
            ...

Every POST has an Idempotency-Key, so whatever is sent again is done once. Every error is a StoryError (`api.client.errors`),
with `help` where the words were those of a person at risk: show it before anything else.
"""

from api.client.errors import ForeignAnswer, LoginNeeded, Refused, ServerGone, ServerSilent
from api.client.logins import Bearer, ClientCredentials, Password
from api.client.opening import Client, open_client
from api.client.patience import IMPATIENT, Patience
from api.client.streams import Begun, Committed, Sentence, TurnEvent

__all__ = [
    "IMPATIENT",
    "Bearer",
    "Begun",
    "Client",
    "ClientCredentials",
    "Committed",
    "ForeignAnswer",
    "LoginNeeded",
    "Password",
    "Patience",
    "Refused",
    "Sentence",
    "ServerGone",
    "ServerSilent",
    "TurnEvent",
    "open_client",
]
