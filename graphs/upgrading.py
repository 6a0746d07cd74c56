"""Moving a session to another edition of its world."""

from dataclasses import asdict

from typing_extensions import TypedDict

from agents.errors import Conflict
from agents.story import Value
from agents.world.load import load_world, pin
from agents.world.schema import World
from agents.world.upgrade import MAX_UPGRADES, Upgrade, compare, fit, misfits
from graphs.keeping import StoryKeeper
from graphs.locks import hold
from graphs.memory.shapes import Edition
from graphs.playing import LOCK_WAIT_S


class Upgraded(TypedDict):
    """What an upgrade did, or would do: `misfits` say what is in a branch's state and not in the new edition."""

    session: str
    world: str
    before: int
    version: int
    fingerprint: str
    upgraded: bool
    misfits: list[dict[str, Value]]
    """branch, slot, value, becomes, because."""


class StoryUpgrader(StoryKeeper):
    """The upgrading part of StoryEngine."""

    async def upgrade(self, session: str, world: str = "", *, dry_run: bool = False) -> Upgraded:
        """Moves a session to the present edition of its world (by default the shipped one of that id; or a file).

        States follow when they are played next, on whatever branch. Raises UnknownWorld, InvalidWorld, and Conflict for
        another world than the session's.
        """
        with self._translated():
            async with hold(self._stores.redis, self._story(session), "upgrade", wait_s=LOCK_WAIT_S):
                record = await self.session(session)
                source = load_world(world or record["world"])
                if source.world.world != record["world"]:
                    raise Conflict(f"The session plays '{record['world']}', and that is '{source.world.world}'",
                                   cure="Name the file of that world.")  # fmt: skip
                await self._finish(record, self._runner(session))  # it was begun in the world as it was
                pinned = await self._pinned(record)
                upgrades = [*pinned.upgrades, compare(pinned.world, source.world, source.fingerprint)]
                if len(upgrades) > MAX_UPGRADES:
                    raise Conflict(f"The session has been through {MAX_UPGRADES} editions", cure="Begin a new one.")
                done = source.fingerprint != record["fingerprint"] and not dry_run
                misfits = await self._misfits(session, pinned.world, source.world, upgrades)
                if done:
                    edition = Edition(source.world.version, source.fingerprint, pin(source, upgrades))
                    await self.memory.update(self.scope(session), world=edition)
        return Upgraded(session=session, world=record["world"], version=source.world.version,
                        before=record["world_version"], fingerprint=source.fingerprint, upgraded=done,
                        misfits=misfits)  # fmt: skip

    async def _misfits(self, session: str, old: World, new: World, upgrades: list[Upgrade]) -> list[dict[str, Value]]:
        """What does not fit any more where each branch stands."""
        found: list[dict[str, Value]] = []
        for branch in await self.branches(session):
            slots = (await self.memory.position(self.scope(session), branch["name"]))["slots"]
            found += [
                {"branch": branch["name"], **asdict(misfit)}
                for misfit in misfits(old, slots, fit(new, slots, upgrades))
            ]
        return found
