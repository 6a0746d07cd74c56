"""What every story memory promises of the past, on every backend: facts, turns, traces, recall."""

from itertools import pairwise

import pytest
from story_reference import Reference, new_turn, take

from agents.errors import (
    InvalidInput,
)
from agents.story import FOREVER, change
from graphs.memory import KEYFRAME, Commit


class TestHistory:
    async def test_slots_and_facts_hold_across_keyframes_and_forks(self, story: Reference) -> None:
        for n in range(1, 3 * KEYFRAME + 6):
            await story.play(take(f"place-{n}"), change("door", "open", n % 3 == 0, "rule:wind"), marker=f"mark{n}")
        for back in (0, 1, KEYFRAME, 2 * KEYFRAME + 1):
            turn_id = story.chain(story.head)[-1 - back]["turn_id"]
            assert await story.memory.slots_at(story.scope, turn_id) == story.slots(turn_id)
        await story.check()
        await story.undo(40)
        for n in range(50):
            await story.play(change("door", "open", None, "x"), take(f"other-{n // 9}"), marker=f"other{n}")
        await story.check()
        for at in (0, 1, 31, 32, 33, 60, 62, 64, 90):
            await story.check_facts(at)

    async def test_facts_tell_since_when_until_when_and_by_which_turn(self, story: Reference) -> None:
        first = await story.play(take("hand"))
        await story.play(take("hand"))
        await story.play(change("maren", "knows", True, "narration", member="lamp"))
        assert await story.memory.facts(story.scope, about="lamp", at=2) == [
            {
                "slot": "lamp.in",
                "subject": "lamp",
                "relation": "in",
                "value": "hand",
                "since": 1,
                "until": FOREVER,
                "turn_id": first["turn_id"],
                "because": "verb:take",
            }
        ]
        assert [f["slot"] for f in await story.memory.facts(story.scope, about="lamp")] == [
            "lamp.in",
            "maren.knows=lamp",
        ]
        assert [f["slot"] for f in await story.memory.facts(story.scope, about="hand")] == ["lamp.in"]
        assert (await story.memory.facts(story.scope, at=0, about="lamp"))[0]["until"] == 1

    async def test_turns_come_in_pages_newest_first(self, story: Reference) -> None:
        await story.fork("empty", "root")
        assert await story.memory.turns(story.scope) == []
        for n in range(1, 12):
            await story.play(take(f"place-{n}"))
        chain = story.chain(story.head)[1:][::-1]
        assert await story.memory.turns(story.scope) == chain
        assert await story.memory.turns(story.scope, limit=4) == chain[:4]
        assert await story.memory.turns(story.scope, limit=4, before=8) == chain[4:8]
        assert await story.memory.turns(story.scope, before=1) == []
        assert await story.memory.turns(story.scope, before=-5) == []
        assert await story.memory.turns(story.scope, before=99) == chain
        assert await story.memory.turns(story.scope, limit=0) == []
        assert await story.memory.turns(story.scope, "empty") == []
        assert all(a["parent"] == b["turn_id"] for a, b in pairwise(chain))

    async def test_a_trace_comes_back_and_is_replaced(self, story: Reference) -> None:
        turn = await story.play()
        for trace in ([{"node": "begin", "ms": 1.5, "in": {"a": [None, "“ü”\0"]}}], [{"node": "recall"}, {}], []):
            await story.memory.put_trace(story.scope, turn["turn_id"], trace)
            assert await story.memory.trace(story.scope, turn["turn_id"]) == trace
        with pytest.raises(InvalidInput):
            await story.memory.put_trace(story.scope, turn["turn_id"], [{"x": "y" * 1_100_000}])


class TestRecall:
    async def test_it_finds_what_was_told_and_says_why(self, story: Reference) -> None:
        for n in range(1, 41):
            await story.play(marker=f"marker{n}")
        for n in (1, 7, 32, 33, 37):
            found = await story.recall(f"What about the marker{n}?")
            assert found[0]["number"] == n
            assert found[0]["text"] == f"Somebody spoke of marker{n}."
            assert found[0]["reason"] == f"mentions marker{n}"
            assert found[0]["score"] > 0
        assert await story.recall("marker38") == []
        assert [m["number"] for m in await story.recall("marker38", skip=2)] == [38]
        assert len(await story.recall("somebody wind", limit=6)) == 6

    async def test_what_head_does_not_descend_from_never_comes_back(self, story: Reference) -> None:
        for n in range(1, 36):
            await story.play(marker=f"kept{n}")
        for n in range(8):
            await story.play(marker=f"lost{n}")
        await story.undo(8)
        for n in range(8):
            await story.play(marker=f"new{n}")
        assert await story.recall(" ".join(f"lost{n}" for n in range(8)), skip=0) == []
        found = await story.recall("somebody wind " + " ".join(f"lost{n}" for n in range(4)), limit=40, skip=0)
        assert {m["turn_id"] for m in found} <= {t["turn_id"] for t in story.chain(story.head)}
        assert len(found) == 40
        assert (await story.recall("kept20"))[0]["number"] == 20

    async def test_abandoned_lines_do_not_crowd_out_the_story(
        self, story: Reference, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("graphs.memory.search.CANDIDATES", 8)
        await story.play(marker="lantern")
        for _ in range(20):
            await story.play(narration="lantern " * 9, action="lantern")
            await story.undo(1)
        found = await story.recall("lantern", skip=0)
        assert [m["number"] for m in found] == [1]

    async def test_words_that_are_all_common_find_the_turn_that_holds_them_together(
        self, story: Reference, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("graphs.memory.search.COMMON", 6)
        for n in range(1, 31):
            await story.play(narration="A lantern swings.\n" if n % 2 else "The reeds whisper.\n", action="wait")
        both = await story.play(narration="A lantern among the reeds.", action="wait")
        for n in range(30):
            await story.play(narration="A lantern swings." if n % 2 else "The reeds whisper.", action="wait")
        found = await story.recall("lantern reeds", skip=0, limit=3)
        assert found[0]["turn_id"] == both["turn_id"]
        assert (await story.recall("lantern", skip=0, limit=1))[0]["text"].startswith("A lantern")

    async def test_the_person_and_the_turn_before_help(self, story: Reference) -> None:
        """Who took part and what was asked are kept with the turn."""
        place = "root"
        for n, (said, who, before) in enumerate(
            [("Ten, I think.", ["Maren"], "How many boats were there?"), ("Ten, I think.", ["Tom"], "How old is the goat?")], 1
        ):  # fmt: skip
            turn = new_turn(story.scope, n, place, narration=said, action="listen")
            await story.memory.commit(story.scope, Commit(turn, [], [], people=who, before=before))
            place = turn["turn_id"]
        assert [m["number"] for m in await story.recall("how many boats", skip=0, limit=2)] == [1]
        assert (await story.recall("what did Tom think", skip=0, limit=2))[0]["number"] == 2
        assert (await story.recall("what did Maren think", skip=0, limit=2))[0]["number"] == 1

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "   ",
            "the and of",
            "AND ((",
            "*",
            '"',
            "lamp OR",
            "lamp~ ^2 [a TO b] {x} field:value \\",
            "@words:{x} | -lamp %lamp% (lamp",
            "$query $tenant `lamp`",
            "😀🗝️",
            "\0\ud800",
            "lamp " * 400,
            "word" * 500,
            " ".join(f"w{n}" for n in range(500)),
            "Где лампа?",
            "أين المصباح",
            "दीपक कहाँ है",
            "_ - ' ; DROP",
        ],
    )
    async def test_any_text_is_a_query(self, story: Reference, query: str) -> None:
        await story.play(marker="lamp")
        found = await story.recall(query, skip=0)
        assert bool(found) == ("lamp" in query)

    async def test_other_scripts_and_typography_are_words_too(self, story: Reference) -> None:
        for text in ("彼女は鍵を箱に入れた。", "Она взяла фонарь.", "She called it “the Ångström—lantern”, café."):
            await story.play(narration=text)
        for n, query in enumerate(("鍵はどこ", "где ФОНАРЬ", "ångström", "café lantern"), start=1):
            assert [m["number"] for m in await story.recall(query, skip=0)] == [min(n, 3)], query
