"""What the offline storyteller says where the author wrote nothing: short, plain, many of each.

Eight words or fewer where it can be, since a short sentence may come back and a long one that does sounds like a machine.
Braces are names of the beat; `{Thing}` is `{thing}` with a capital. `[stays|stay]` is the verb for one thing or for many.
"""

TOOK = ("You take {thing}.", "{Thing} [is|are] yours now.", "You pick up {thing}.", "You have {thing} now.",
        "{Thing} [comes|come] away in your hand.", "You gather up {thing}.")  # fmt: skip
DROPPED = ("You put {thing} down.", "You set {thing} down here.", "{Thing} [stays|stay] here, for now.",
           "You let go of {thing}.", "Carefully, you put {thing} down.")  # fmt: skip
PUT = (
    "You put {thing} {onto}.",
    "{Thing} [goes|go] {onto}.",
    "You lay {thing} {onto}.",
    "{Thing} [rests|rest] {onto} now.",
)
GAVE = ("You hand {thing} to {who}.", "{Who} takes {thing} from you.", "You hold out {thing} to {who}.")
OPENED = (
    "You open {thing}.",
    "{Thing} [opens|open].",
    "{Thing} [gives, and opens|give, and open].",
    "You ease {thing} open.",
)
CLOSED = ("You close {thing}.", "{Thing} [closes|close].", "You push {thing} shut.", "{Thing} [is|are] closed again.")
UNLOCKED = ("{Thing} [unlocks|unlock].", "The lock of {thing} turns.", "You unlock {thing}.")
LOCKED = ("You lock {thing}.", "{Thing} [locks|lock].", "The lock of {thing} turns back.")

EXAMINED_AGAIN = ("{Thing} [is as it was|are as they were].", "Nothing about {thing} has changed.",
                  "You know {thing} by now.",
                  "You look once more at {thing}.", "You have seen {thing}, and see [it|them] again.",
                  "There is no more to {thing}.")  # fmt: skip
STATE = {"open": ("It is open.", "It stands open."), "closed": ("It is closed.", "It is shut."),
         "locked": ("It is locked.", "It is shut fast, and locked.")}  # fmt: skip
READ_AGAIN = ("You read it again.", "Once more, you read it.", "It says what it said:")

ARRIVED = ("You come back to {place}.", "{Place} again.", "You are back {where}.", "Here is {place} once more.",
           "You return to {place}.", "Your steps bring you to {place}.", "{Place} waits as you left it.",
           "This is {place}.")  # fmt: skip
PRESENT = (
    "{List} [is|are] here.",
    "Here [is|are] {list}.",
    "You find {list} here.",
    "{List} [is|are] here as well as you.",
)
NOBODY = ("There is nobody here but you.", "Nobody is here just now.", "You are the only one here.")
WAYS = ("From here you can go {list}.", "You can go {list}.")
WAY = ("You can only go {list}.", "From here you can only go {list}.")
WAYS_SHORT = ("Ways out: {list}.", "Ways on: {list}.")
GLANCED = ("{Place} is as you know it.", "You look round {place} once more.", "{Place} again, as you know it.",
           "You take in {place}.")  # fmt: skip
WORTH_A_LOOK = ("Worth a look: {list}.", "Worth seeing: {list}.", "To look at: {list}.")
LOOK_CLOSELY = "Look closely to see it all."
LEFT = ("You leave {thing} where [it is|they are].", "{Thing} [stays|stay] where [it is|they are].")
HERE = ("{Thing} [is|are] right here.", "You need not look far: {thing}.", "Here you see {thing}.")
HELD = ("You have {thing} with you.", "{Thing} [is|are] with you.", "You are carrying {thing}.")
WHERE_SEEN = ("You last saw {thing} {where}.", "{Thing} [was|were] {where}, when you last looked.")
BESIDE = ("You are standing by {thing} as it is.", "{Thing} [is|are] right here.", "You are there: {thing}.")
LIES_HERE = ("You see {list}.", "You see {list} here.", "You notice {list}.", "There [is|are] {list} here.",
             "Here [is|are] {list}.", "Close by [is|are] {list}.")  # fmt: skip
HOLDS = ("Inside: {list}.", "It holds {list}.", "In it [is|are] {list}.")
BEARS = ("On it: {list}.", "On it [is|are] {list}.", "It bears {list}.")
HOLDS_NOTHING = ("It is empty.", "There is nothing in it.", "It holds nothing just now.")
BEARS_NOTHING = ("There is nothing on it.", "It is bare.", "Nothing lies on it.")

WAITED = ("You wait.", "Time goes by.", "You let a moment pass.", "You stay where you are.", "A while goes by.",
          "You give it a minute.", "Nothing hurries you.", "You stand and let time work.")  # fmt: skip
SAT = (
    "You sit down for a while.",
    "You sit, and let time go by.",
    "It is good to sit.",
    "You rest your legs a moment.",
)
SLEPT = (
    "You close your eyes for a little.",
    "You doze, and wake to the same hour.",
    "Sleep does not come, but rest does.",
)
BREATHED = ("You breathe in, and out.", "One breath, then another.", "You breathe, and nothing asks more.")
GESTURED = {
    "smell": ("You breathe in through your nose.", "You smell the air here.", "It smells of this place."),
    "listen": ("You stand still and listen.", "You listen.", "You hold your breath, listening."),
    "touch": ("You touch {thing}, lightly.", "Your fingers find {thing}.", "{Thing} [is|are] cool under your hand."),
    "hug": ("You open your arms for a moment.", "It is a good thought.", "You let the warmth of it stand."),
    "beneath": ("You look. There is nothing there but what is always there.", "Nothing is hidden there.",
                "You look, and find nothing more."),
    "plain": ("You look. That is all there is to it.", "It is there, and there is no more to it.",
              "You see it, and nothing more about it."),
    "person": ("You think better of it. {Thing} might not care for that.", "One does not do that to people."),
    "stand": ("You get up, and stretch.", "You stand, and feel your feet under you.", "You straighten your back."),
    "nod": ("You say so, though nothing was asked.", "All right, then. Nothing was asked just now."),
    "push": ("You push {thing}; nothing comes of it.", "{Thing} [does|do] not budge."),
    "pull": ("You pull at {thing}, without result.", "{Thing} [stays where it is|stay where they are]."),
    "turn": ("{Thing} [does|do] not turn.", "You try to turn {thing}. No."),
    "lift": ("You try to lift {thing}.", "{Thing} [is better where it is|are better where they are]."),
    "shake": ("You shake {thing}. Nothing rattles.", "{Thing} [takes|take] it calmly."),
    "attack": ("You think better of it.", "You let the impulse go by.", "Nothing here needs breaking."),
    "knock": ("You knock. The sound goes off alone.", "You knock, and wait a little."),
    "climb": ("You would get no higher on {thing}.", "There is nothing here to climb.", "You look up, and stay down."),
    "jump": ("You do, and land where you were.", "A small jump. Nobody minds."),
    "leap": ("You look at how far it would be, and keep both feet where they are.",
             "You measure it with your eyes, and stay where you are."),
    "swim": ("Not here, and not today.", "You keep your feet dry."),
    "dig": ("The ground has nothing for you here.", "You find nothing worth digging for."),
    "sing": ("You hum a few notes.", "A tune comes, and goes again.", "You sing a line, not loudly."),
    "wave": ("You lift a hand.", "You nod to nobody in particular.", "You make the gesture, and mean it."),
    "laugh": ("You laugh, a little.", "It gets a laugh out of you."),
    "cry": ("You let it come, and pass.", "It is all right to feel that."),
    "think": ("You turn it over in your mind.", "The thought stays a while, then settles."),
    "thank": ("You say it, and mean it.", "The words are small, and enough."),
    "eat": ("{Thing} [is|are] not for eating.", "You would not get far with a bite of {thing}.", "There is nothing to eat."),
    "drink": ("{Thing} [is|are] not for drinking.", "There is nothing to drink just here.", "You leave {thing} undrunk."),
    "wear": ("You do not put {thing} on.", "You keep on what you have on."),
    "write": ("You find no words just now.", "The words will come another time."),
    "clean": ("You wipe at {thing} a little.", "{Thing} [looks|look] much the same."),
    "light": ("There is no use in lighting {thing} here.", "You see no reason to set light to {thing}.",
              "There is nothing to light."),
    "throw": ("You weigh it, and keep it.", "Throwing it would help nothing."),
    "fill": ("You have nothing to fill {thing} with.", "There is nothing here to fill or empty."),
    "tie": ("{Thing} [needs|need] no tying or mending from you.", "There is nothing here to tie or mend."),
    "say": ("Your words hang in the air.", "You say it aloud. It helps a little.", "Nobody answers, but you said it."),
}  # fmt: skip
GESTURED_OTHER = ("There is nothing here to {verb}.", "You see nothing here that you could {verb}.")
GESTURED_WITH = ("You can't {verb} {thing}; not here, at least.",
                 "You try to {verb} {thing}. [It stays as it was|They stay as they were].",
                 "There is no way to {verb} {thing} that you can see.")  # fmt: skip

MET_AGAIN = ("{Who} nods to you.", '"Yes?" says {who}.', '"You again," {who} says, not unkindly.',
             "{Who} looks up and waits.", '"Go on," says {who}.', "{Who} makes room for you.")  # fmt: skip
TOLD_AGAIN = ('"I have told you that," says {who}.', '"As I said," {who} says, and leaves it.',
              "{Who} has no more on that.", '"That is all of it," says {who}.')  # fmt: skip
UNSURE_AGAIN = ("{Who} shakes {their} head, slowly.", '"I could not say," says {who}.', "{Who} has nothing on that.",
                '"Ask me something else," says {who}.', "{Who} thinks, and gives it up.")  # fmt: skip
HANDED_BACK = ("{Who} looks, and hands it back.", '"Keep it," says {who}.', "{Who} has no use for {thing}.",
               '"That is yours," says {who}.')  # fmt: skip
MIGHT_ASK = ("You might ask about {list}.", "You could ask about {list}.",
             "Perhaps ask about {list}.")  # fmt: skip
RULED_AGAIN = ("It goes as it went before.", "The same again, much the same.", "Again; it is no less true.")

CARRYING = ("You carry {list}.", "You have {list} with you.", "With you: {list}.", "In your keeping: {list}.",
            "You count over what you have: {list}.")  # fmt: skip
CARRYING_NOTHING = ("Your hands are empty.", "You carry nothing.", "You have nothing with you.")
GOALS_LEFT = ("Still to do: {list}.", "What is still open: {list}.", "Before you: {list}.", "On your mind: {list}.")
GOALS_DONE = ("All of it is done.", "There is nothing left that must be done.")
HELP = ("You can look, examine, go, take, drop, put, open, close, lock, unlock, use, give, talk, ask, read and wait.",
        "`inventory` tells what you carry, `goals` what is still to do, and `hint` a next step.")  # fmt: skip
FOR_EXAMPLE = "Say it plainly; just now, for instance: {examples}."

REFUSED = {
    "no_exit": ("There is no way {direction} here.", "Nothing leads {direction} from here.", "You find no way {direction}."),
    "nothing_that_way": ("You look {direction}. There is nothing to see that way.",
                         "You look {direction}, and see nothing new."),
    "blocked": ("The way {direction} is barred.", "You can't go {direction} yet."),
    "not_here": ("You see no {phrase} here.", "No {phrase} here, that you can see.",
                 "You look round for “{phrase}”, and find none here.",
                 "Nothing that you can see here is “{phrase}”."),
    "what_it": ("“{phrase}” could be anything. Say its name.", "Which thing is “{phrase}”? Say its name."),
    "no_way": ("You know no way to “{phrase}” from here.", "How to get to “{phrase}” from here you could not say."),
    "here_already": ("You are {where} already.", "This is {place}; you are there."),
    "not_there": ("You are not {where}.", "It is not {place} that you are leaving.",
                  "You could not leave {place} from here."),
    "nowhere_back": ("There is nowhere to go back to yet.", "You have come no way yet that you could go back.",
                     "This is where you began: there is no way back from it."),
    "so_already": ("{Thing} [is|are] {state} already.",),
    "there_already": ("{Thing} [is|are] {place} already.",),
    "nothing_held": ("Your hands are empty as it is.", "You carry nothing that you could put down."),
    "fits_nobody": ("Nobody here answers to “{phrase}”.", "There is nobody here whom “{phrase}” would fit."),
    "out_of_sight": ("{Thing} [is|are] not in sight.", "You do not see {thing} just now.",
                     "{Thing} [is|are] not to be seen."),
    "away": ("{Who} is not here.", "You look for {who}, but not here.", "{Who} is somewhere else just now."),
    "not_portable": ("{Thing} [stays where it is|stay where they are].", "You can't take {thing}.",
                     "{Thing} [is|are] not for carrying."),
    "have_it": ("You have {thing} already.", "{Thing} [is|are] in your keeping already."),
    "not_held": ("You don't have {thing}.", "{Thing} [is|are] not in your hands."),
    "hands_full": ("You have your hands full.", "You can carry no more."),
    "not_openable": ("{Thing} [is|are] not for opening and shutting.", "You leave {thing} as [it is|they are]."),
    "is_open": ("{Thing} [is|are] open already.", "Somebody opened {thing} before you."),
    "is_closed": ("{Thing} [is|are] closed already.", "{Thing} [is|are] shut already."),
    "is_locked": ("{Thing} [is|are] locked.", "{Thing} will not open: locked.", "Locked. {Thing} will need a key."),
    "not_lockable": ("{Thing} [has|have] no lock.", "There is no lock on {thing}."),
    "no_key": ("You have nothing that fits {thing}.", "Not without the right key."),
    "not_container": ("Nothing goes into {thing}.", "{Thing} [has|have] no room for that."),
    "not_surface": ("Nothing would stay on {thing}.", "{Thing} [is|are] no place to put that."),
    "closed_container": ("{Thing} [is|are] closed.", "First {thing} would have to be open."),
    "in_itself": ("{Thing} can't go into itself.", "That would be a neat trick."),
    "not_person": ("{Thing} [has|have] nothing to say.", "{Thing} [keeps|keep] quiet."),
    "nobody_here": ("There is nobody here to hear.", "You are alone here.", "Nobody is here just now."),
    "not_readable": ("There is nothing to read on {thing}.", "{Thing} [bears|bear] no words."),
    "use_what": ("Use it with what?", "On what, though?"),
    "no_effect": ("You see no use for {thing} here.", "You try it with {thing}. Nothing comes of it.",
                  "{Thing} [does|do] nothing there."),
    "what": ("What do you want to {verb}?", "{Verb} what, exactly?"),
    "has_it": ("{Who} has {thing} now.", "{Who} is keeping {thing}."),
    "only_scenery": ("That is only {thing}.", "That is {thing}, and nobody else."),
    "not_found_yet": ("Where to look, you could not say.", "You have not come upon anything of the kind yet."),
    "described": ("That is part of the place, and stays so.", "That is there, and best left as it is.",
                  "Nothing comes of that, though it is there."),
    "nobody_to_ask": ("Nobody is here who could tell you.", "There is nobody here to ask."),
    "kept": ("{Who} is holding on to that.", "That belongs to {who}, for now."),
    "known_already": ("That has been done already.",),
    "who": ("Whom do you mean?", "More than one is here. Who?"),
    "where_from": ("Where, exactly?", "Where would that be?"),
    "which_way": ("By which way?", "Which way would that be?"),
    "nothing_to_take": ("There is nothing here to take.", "You find nothing to carry off."),
    "too_many": ("The rest can wait a turn.", "One thing after another. Then the rest."),
    "ruled_out": ("That can't be done as things stand.", "Something else would have to come first."),
}  # fmt: skip
NOT_UNDERSTOOD = (
    "You turn that over, and can make nothing of it.", "How one would go about that, you can't think.",
    "That comes to nothing that you know how to do.", "There may be sense in that; you do not find it.",
)  # fmt: skip
BEARING = ("{Direction} from {place} is {way}.", "From {place}, {direction} is {way}.")
UNCLEAR = ("Which one: {list}?", "Do you mean {list}?", "{List}: which?")
UNKNOWN = (
    "“{word}” is a word that means nothing here yet.", "You know the word “{word}” no more than the walls do.",
    "How one would do that, with “{word}” in it, you can't think.", "“{word}”? You turn the word over, and put it back.",
)  # fmt: skip
TRY = ("You could {list}.", "What you can do: {list}.", "You might {list}.")
