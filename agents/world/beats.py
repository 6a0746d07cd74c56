"""What can happen in a turn, by name: the beats that rules produce and narrators tell.

A beat says what the rules decided and carries the names and the author's words that telling it needs. Kinds:

    arrived looked              a place: names.place, says (description), listed (what lies here), times (visits before);
                                looked also names.ways: whole, or short with names.details where nothing is new
    examined read               a thing: names.thing, says, times
    took dropped put gave       a thing moved: names.thing, names.onto, names.to
    opened closed unlocked locked
    ruled                       a rule of the world: says
    met told unsure             somebody speaks: names.who, says
    handed_back                 a gift that was not wanted: names.thing, names.who
    waited gestured breathed    nothing changes: names.verb
    left                        names.thing stays where it is: the player meant to leave it
    here                        names.thing is in sight, and the player asked where it was
    held                        names.thing is with the player, who asked where it was
    where_seen                  where names.thing was last seen: names.where (`in the kitchen`)
    inventory goals help        listed; help also names.examples, of what can be done now
    hint                        says (the next step of one goal)
    refused                     names.why (one of REFUSALS) and the names that it needs, says if the author wrote it
    unclear                     the question `which one?`: names.phrase, listed
    unknown                     the action could not be read: names.word is the word that was not understood, if one was
    bearing                     where a slope leads: names.direction as the player said it, names.way as it lies, names.place
    heard                       a feeling or a polite word was taken: says, names.who
    present                     who is here: says (their authors' lines), listed (the names of the others)
    beside                      the player is at names.thing already
    consequence goal_done won technique   says
    left_out                    says that something is left out because the player has asked for it
"""

from agents.story import Beat

REFUSALS = (
    "no_exit", "door_closed", "blocked", "not_here", "not_portable", "have_it", "not_held", "hands_full", "not_openable",
    "is_open", "is_closed", "is_locked", "not_lockable", "no_key", "not_container", "not_surface", "closed_container",
    "in_itself", "not_person", "nobody_here", "not_readable", "use_what", "no_effect", "what", "kept", "known_already",
    "who", "where_from", "ruled_out", "nothing_to_take", "away", "no_way", "here_already", "so_already", "there_already",
    "nothing_held", "what_it", "no_verb", "nothing_that_way", "fits_nobody", "out_of_sight", "nowhere_back", "not_there",
    "which_way", "has_it", "only_scenery", "not_found_yet", "nobody_to_ask", "described",
)  # fmt: skip

ESSENTIAL = frozenset(
    {
        "ruled",
        "heard",
        "met",
        "told",
        "read",
        "examined",
        "consequence",
        "goal_done",
        "won",
        "technique",
        "hint",
        "left_out",
    }
)
"""Kinds whose `says` the player must not miss: `review_narration` adds them where a narrator left them out."""


def beat(
    kind: str,
    facts: dict[str, str] | None = None,
    *,
    says: str = "",
    times: int = 0,
    listed: list[str] | None = None,
    **names: str,
) -> Beat:
    """One beat; empty parts are left out so that the prompt stays short."""
    made = Beat(kind=kind)
    if says:
        made["says"] = says
    if times:
        made["times"] = times
    if listed is not None:
        made["listed"] = listed
    if facts or names:
        made["names"] = {**(facts or {}), **names}
    return made


def refused(why: str, **names: str) -> Beat:
    """A refusal for one of the REFUSALS."""
    return beat("refused", names, why=why)
