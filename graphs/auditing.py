"""The audit as the engine keeps it: what a gate decided is noted, whether a turn answers it or an error."""

import asyncio
import logging

from typing_extensions import TypedDict

from agents.errors import InvalidInput, SessionPaused, StoryError, UnknownSession
from agents.safety.crisis import reminder, response
from agents.safety.screen import Screen
from agents.services import Clock, Ids
from agents.story import Tier, Turn, Verdict
from graphs.audit.entries import TURN, Entry, Noted, build_entry, counts_as_news, digest_of
from graphs.audit.log import Audit
from graphs.audit.stream import AuditStream
from graphs.audit.webhook import Target, Webhook
from graphs.reading import StoryReader
from graphs.settings import Settings
from graphs.stores import Stores

_log = logging.getLogger(__name__)

METRICS_S = 2.0
"""How long figures wait for a store."""


class AuditFigures(TypedDict):
    """`counts` are the tenant's, the same from every process, None where the store cannot be asked (names: see
    `AuditStream.counts`); `owed` is what the webhook has not taken; the rest are writes of this process.
    """

    counts: dict[str, int] | None
    owed: int
    failed: int
    lost: int
    waiting: int


class StoryAuditor(StoryReader):
    """The auditing part of StoryEngine."""

    clock: Clock
    ids: Ids
    screen: Screen

    def __init__(self, settings: Settings, stores: Stores) -> None:
        super().__init__(settings, stores)
        key = settings.audit_key.get_secret_value() if settings.audit_key else ""
        stream = AuditStream(stores.redis, settings.tenant, days=settings.audit_days, key=key, seal=stores.seal)
        self.audit = Audit(stream, self._known)
        self._webhook: Webhook | None = None

    async def audit_entries(
        self,
        *,
        session: str = "",
        tier: Tier | None = None,
        since_ms: int = 0,
        limit: int = 50,
        text: str | None = None,
    ) -> list[Entry]:
        """What the audit keeps, newest first: of a session, of a tier, from a moment on, of a text.

        Raises UnknownSession.
        """
        await self.audit.settle()
        with self._translated():
            if session:
                await self.session(session)
            wanted = None if text is None else await self.audit.stream.hash(digest_of(text))
            found: list[Entry] = []
            async for entry in self.audit.stream.entries(since_ms=since_ms):
                if len(found) >= limit:
                    break
                fits = entry["session"] == session if session else True
                if fits and tier in (None, entry["tier"]) and wanted in (None, entry["hash"]):
                    found.append(entry)
            return found

    async def audit_figures(self) -> AuditFigures:
        """How many there were of what. Never fails: a store that is gone is a figure, too."""
        await self.audit.settle()
        counts, owed = None, 0
        try:
            with self._translated():
                async with asyncio.timeout(METRICS_S):
                    owed, counts = await self.audit.stream.owed(), await self.audit.stream.counts()
        except StoryError:
            pass
        audit = self.audit
        return AuditFigures(counts=counts, owed=owed, failed=audit.failed, lost=audit.lost, waiting=audit.waiting)

    async def owed(self) -> int | None:
        """What the webhook has not taken yet; None where there is none. Raises StoreError."""
        if self._webhook is None:
            return None
        with self._translated():
            return await self.audit.stream.owed()

    def note_turned_away(self, verdict: Verdict, text: str, answer: str, session: str = "") -> None:
        """What was screened because a request is turned away; `answer` is the code of its error. The session is noted if
        there is such a one.
        """
        self._note(verdict, text, session=session, answer=answer, sure=False)

    async def forget_audit(self, session: str) -> None:
        """A session is deleted: its entries go."""
        self.audit.forget(session)
        await self.audit.stream.forget(session)

    def begin_webhook(self, target: Target | None) -> None:
        """Tells an endpoint of crises from now on, and of what earlier processes could not tell it."""
        if target:
            self._webhook = Webhook(target, self.audit.stream, self.settings.tenant)
            self.audit.owe = self._webhook.wake
            self._webhook.begin()

    async def close_audit(self) -> None:
        """Writes and tells what can be, within seconds."""
        await self.audit.close()
        if self._webhook:
            await self._webhook.close()

    def _note(
        self,
        verdict: Verdict,
        text: str = "",
        *,
        session: str,
        turn: str = "",
        answer: str = TURN,
        sure: bool = True,
    ) -> None:
        """Never raises: help must not fail because of it."""
        if not counts_as_news(verdict):
            return
        try:
            at, rules = self.clock.now().isoformat(), self.screen.version
            entry = build_entry(verdict, at=at, rules=rules, session=session, turn=turn, answer=answer)
            mark = f"{turn or self.ids.new()}:{verdict['gate']}"
            self.audit.note(Noted(entry, mark, digest_of(text) if text else b"", sure))
        except Exception as error:
            _log.warning("the safety audit could not take an entry (%s)", type(error).__name__)

    async def _note_turn(self, turn: Turn) -> None:
        """The verdicts of a committed turn, those that were noted when it was accepted but once."""
        for verdict in turn["verdicts"]:
            self._note(verdict, session=turn["session"], turn=turn["turn_id"])
        self.audit.wake()
        if any(map(counts_as_news, turn["verdicts"])):
            await self.audit.settle()

    async def _known(self, session: str) -> bool:
        """Whether there is such a session. Raises StoryError where nobody can tell."""
        if session in self._worlds:
            return True
        try:
            await self.memory.session(self.scope(session))
        except UnknownSession:
            return False
        return True

    def _with_help(self, error: StoryError, action: object, session: str = "") -> StoryError:
        """No one in danger gets an error page: the same pure screening reads what is being turned away."""
        text = action if isinstance(action, str) else ""
        verdict = self.screen.action(text)
        paused = isinstance(error, SessionPaused)
        if verdict["tier"] != "none" and (error.help is None or paused):
            self._put_help(error, verdict)
        elif isinstance(error, SessionPaused) and error.help is None and not error.by_choice:
            error.help = dict(reminder(self.settings.locale))
        if not error.audited and counts_as_news(verdict):
            error.audited = True
            self._note(verdict, text, session=session, answer=error.code, sure=False)
        return error

    def _put_help(self, error: StoryError, verdict: Verdict) -> None:
        """The resources of a verdict's tier, also where its words are gone."""
        paused = isinstance(error, SessionPaused)
        error.help = dict(response(verdict["tier"], self.settings.locale, paused=paused))

    def _harmless(self, name: str, what: str = "name") -> str:
        """A name, or what else it is called, that may be stored and shown: the words of a person at risk are not. Raises
        InvalidInput with help.
        """
        if self.screen.action(name.replace("_", " "))["action"] != "allow":
            error = InvalidInput(f"That cannot be a {what}", cure=f"Choose another {what}.")
            raise self._with_help(error, name.replace("_", " "))
        return name
