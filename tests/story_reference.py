"""Stories for the tests, and the naive reference that judges story memory: a plain list of all that ever happened."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from agents.story import FOREVER, Change, Moment, Turn, Value, apply_changes, change
from graphs.memory import KEYFRAME, Chapter, Commit, Scope, Session, StoryMemory

BORN = "2026-01-01T00:00:00.000+00:00"


def new_scope(tenant: str = "") -> Scope:
    return Scope(tenant or f"tenant-{uuid4().hex[:8]}", f"session-{uuid4().hex[:8]}")


def new_session(scope: Scope, **other: Any) -> Session:
    session = Session(
        session=scope.session,
        tenant=scope.tenant,
        player="player-1",
        title="A title",
        world="lighthouse",
        world_version=1,
        fingerprint="f" * 64,
        model="offline",
        seed=7,
        branch="main",
        risk="none",
        paused=False,
        created=BORN,
        avoid=[],
        character=None,
        played=BORN,
    )
    session.update(other)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return session


def new_turn(scope: Scope, number: int, parent: str, **other: Any) -> Turn:
    turn = Turn(
        turn_id=f"turn-{uuid4().hex[:12]}",
        session=scope.session,
        branch="main",
        line="line-1",
        parent=parent,
        number=number,
        kind="story",
        action="look around",
        narration="Nothing stirs.",
        choices=[{"text": "go north", "label": "Go north"}],
        location="hall",
        inventory=["lamp"],
        goals=[{"id": "home", "title": "Go home", "done": False, "optional": False}],
        changes=[],
        verdicts=[],
        usage={"calls": 0, "input_tokens": 0, "output_tokens": 0},
        model="offline",
        won=False,
        at=f"2026-01-02T00:{number // 60 % 60:02}:{number % 60:02}.000+00:00",
    )
    turn.update(other)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return turn


def take(place: str) -> Change:
    return change("lamp", "in", place, "verb:take")


@dataclass
class Reference:
    """A story played into a memory and into plain Python side by side."""

    memory: StoryMemory
    scope: Scope = field(default_factory=new_scope)
    told: dict[str, Turn] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=lambda: {"main": "root"})
    active: str = "main"
    lines: int = 0
    closed: dict[str, Chapter] = field(default_factory=dict)
    on: dict[str, str] = field(default_factory=lambda: {"main": "line-0"})
    """The line that each branch goes on on; none where its HEAD was moved."""
    reminded: bool = False
    """Whether commits bring the turn before along, as the engine's do: then its words find the next turn, too."""

    async def begin(self, **slots: Value) -> None:
        slots = slots or {"lamp.in": "hall", "door.open": False}
        changes = [change(*slot.split("."), value, "opening") for slot, value in slots.items()]
        self.told["root"] = new_turn(self.scope, 0, "", turn_id="root", changes=changes, action="", line="line-0")
        await self.memory.create(new_session(self.scope), "world: text", self.told["root"], slots)

    # What plain Python knows -----------------------------------------------------------------------------------------

    @property
    def head(self) -> str:
        return self.heads[self.active]

    def chain(self, turn_id: str) -> list[Turn]:
        """From the root to the turn."""
        found = [self.told[turn_id]]
        while found[-1]["number"]:
            found.append(self.told[found[-1]["parent"]])
        return found[::-1]

    def slots(self, turn_id: str) -> dict[str, Value]:
        slots: dict[str, Value] = {}
        for turn in self.chain(turn_id):
            slots = apply_changes(slots, turn["changes"])
        return slots

    def facts(self, at: int) -> dict[str, tuple[Value, int, int, str]]:
        """slot -> value, since, until, turn_id, after turn `at` of the active branch."""
        chain, held = self.chain(self.head), {}
        slots: dict[str, Value] = {}
        for turn in chain:
            before, slots = slots, apply_changes(slots, turn["changes"])
            for slot in before.keys() | slots.keys():
                old, new = before.get(slot), slots.get(slot)
                if old == new and type(old) is type(new):
                    continue
                if turn["number"] <= at:
                    held.pop(slot, None)
                    if new is not None:
                        held[slot] = (new, turn["number"], FOREVER, turn["turn_id"])
                elif slot in held and held[slot][2] == FOREVER:
                    held[slot] = (*held[slot][:2], turn["number"], held[slot][3])
        return held

    # What is played into both ----------------------------------------------------------------------------------------

    async def draft(self, *changes: Change, marker: str = "", **other: Any) -> Commit:
        """The next turn of the active branch, not yet played. The `marker` is a word of its own in all its texts."""
        place = await self.memory.position(self.scope)
        assert place["head"] == self.head
        if not (line := place["line"]):
            self.lines += 1
            line = f"line-{self.lines}"
        told = {"action": f"ask about {marker}", "narration": f"The wind says {marker} once."} if marker else {}
        turn = new_turn(
            self.scope,
            place["number"] + 1,
            self.head,
            **{"branch": self.active, "line": line, "changes": list(changes), **told, **other},
        )
        slots = apply_changes(self.slots(self.head), turn["changes"]) if turn["number"] % KEYFRAME == 0 else None
        moments = [f"Somebody spoke of {marker}."] if marker else []
        before = (
            " ".join(f"{last['action']} {last['narration']}" for last in place["exchanges"][-1:])
            if self.reminded
            else ""
        )
        return Commit(turn, ["lamp"], moments, slots, before=before)

    async def play(self, *changes: Change, marker: str = "", **other: Any) -> Turn:
        """One turn on the active branch."""
        commit = await self.draft(*changes, marker=marker, **other)
        stored = await self.memory.commit(self.scope, commit)
        assert stored == commit.turn
        self.land(commit.turn)
        return commit.turn

    def land(self, turn: Turn) -> None:
        """The turn is in memory: so it is here."""
        self.told[turn["turn_id"]] = turn
        self.heads[turn["branch"]] = turn["turn_id"]
        self.on[turn["branch"]] = turn["line"]

    async def play_quickly(self) -> None:
        """One turn more, without a look at where the branch stands."""
        turn = new_turn(self.scope, self.told[self.head]["number"] + 1, self.head)
        await self.memory.commit(self.scope, Commit(turn, [], [], None))
        self.land(turn)

    async def close(self, turn_id: str, **other: str) -> Chapter:
        """Closes the chapter that ends with the turn; the text names the turn."""
        told = {"text": f"Until {turn_id}.", "so_far": f"All until {turn_id}.", "source": "extract", "model": "offline"}
        made = {"turn_id": turn_id, "number": 0, "first": 0, "last": 0, "usage": new_turn(self.scope, 0, "")["usage"]}
        chapter = Chapter(**{**told, **made, "at": BORN, **other})  # type: ignore[typeddict-item]
        self.closed[turn_id] = await self.memory.close_chapter(self.scope, chapter)
        return self.closed[turn_id]

    async def undo(self, back: int) -> None:
        chain = self.chain(self.head)
        head = chain[max(0, len(chain) - 1 - back)]["turn_id"]
        if head != self.head:
            self.heads[self.active], self.on[self.active] = head, ""
        branch = await self.memory.move_head(self.scope, self.active, back=back)
        assert branch["head"] == self.head

    async def fork(self, name: str, turn_id: str) -> None:
        self.heads[name], self.on[name] = turn_id, ""
        assert (await self.memory.create_branch(self.scope, name, turn_id))["head"] == turn_id

    async def switch(self, name: str) -> None:
        self.active = name
        assert (await self.memory.switch(self.scope, name))["active"]

    async def delete_branch(self, name: str) -> None:
        await self.memory.delete_branch(self.scope, name)
        del self.heads[name]

    async def recall(self, query: str, **other: Any) -> list[Moment]:
        return await self.memory.recall(self.scope, self.active, query, **other)

    # Whether they agree ----------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """Compares all that the memory says about where the active branch stands."""
        place = await self.memory.position(self.scope)
        chain = self.chain(self.head)
        assert (place["branch"], place["head"], place["number"]) == (self.active, self.head, len(chain) - 1)
        assert place["slots"] == self.slots(self.head)
        assert [e["number"] for e in place["exchanges"]] == [t["number"] for t in chain[1:][-3:]]
        assert await self.memory.turns(self.scope, limit=7) == chain[1:][::-1][:7]
        await self.check_facts(len(chain) - 1)
        # Where HEAD's own keyframe has no chapter yet, the one before it does.
        last = [self.closed[t["turn_id"]] for t in chain[1:][-2 * KEYFRAME :] if t["turn_id"] in self.closed]
        within = [c for c in last if c["last"] > (len(chain) - 1) // KEYFRAME * KEYFRAME - 2 * KEYFRAME]
        assert place["story_so_far"] == (within[-1]["so_far"] if within else "")
        assert place["closed"] == (within[-1]["last"] if within else 0)

    async def check_chapters(self) -> None:
        """Those of the active branch, closed and open, in whole and in pages."""
        ends = self.chain(self.head)[KEYFRAME::KEYFRAME]
        closed = [self.closed[turn["turn_id"]] for turn in ends if turn["turn_id"] in self.closed][::-1]
        assert await self.memory.chapters(self.scope, limit=1_000) == closed
        opened = [turn["turn_id"] for turn in ends if turn["turn_id"] not in self.closed]
        assert await self.memory.open_chapters(self.scope) == opened
        for chapter in closed[::7]:
            page = await self.memory.chapters(self.scope, limit=3, before=chapter["number"])
            assert page == [other for other in closed if other["number"] < chapter["number"]][:3]

    async def check_facts(self, at: int) -> None:
        facts = await self.memory.facts(self.scope, at=at)
        assert {f["slot"]: (f["value"], f["since"], f["until"], f["turn_id"]) for f in facts} == self.facts(at)
