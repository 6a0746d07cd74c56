"""Sealing all that a tenant has anew, after a key was put in front of the others, or the first one was given."""

from typing_extensions import TypedDict

from agents.errors import InvalidSetting
from graphs.archive.load import Progress
from graphs.locks import hold
from graphs.removing import DELETE_WAIT_S
from graphs.upgrading import StoryUpgrader


class Resealed(TypedDict):
    """What was sealed with the first key that was not before."""

    tenant: str
    sessions: int
    nodes: int


class StoryResealer(StoryUpgrader):
    """The resealing part of StoryEngine."""

    async def reseal(self, *, progress: Progress | None = None) -> Resealed:
        """Seals every text of the tenant with the first key. A turn in flight is ended first, and nothing is done twice.

        Afterwards the older keys can go. Raises InvalidSetting without a key, TurnInProgress for a session that is played.
        """
        if not self._stores.seal.key:
            raise InvalidSetting("Nothing is encrypted here", cure="Set TTA_ENCRYPTION_KEYS.")
        done = Resealed(tenant=self.settings.tenant, sessions=0, nodes=0)
        with self._translated():
            async for session in self._ids():
                async with hold(self._stores.redis, self._story(session), "reseal", wait_s=DELETE_WAIT_S):
                    await self._finish(await self.session(session), self._runner(session))
                    nodes = await self.memory.reseal(self.scope(session))
                done["sessions"] += bool(nodes)
                done["nodes"] += nodes
                if progress:
                    progress(done["sessions"])
            await self.audit.stream.reseal()
            await self.repeats.reseal()
            await self.players.reseal()
            await self.memory.prove()
        return done
