"""What the offline storyteller says where the author wrote nothing: short, plain, many of each.

Eight words or fewer where it can be, since a short sentence may come back and a long one that does sounds like a machine.
Braces are names of the beat; `{Thing}` is `{thing}` with a capital.
"""

TOOK = ("You take {thing}.", "{Thing} is yours now.", "You pick up {thing}.", "You have {thing} now.",
        "{Thing} comes away in your hand.", "You gather up {thing}.")  # fmt: skip
DROPPED = ("You put {thing} down.", "You set {thing} down here.", "{Thing} stays here, for now.",
           "You let go of {thing}.", "Carefully, you put {thing} down.")  # fmt: skip
PUT = ("You put {thing} {onto}.", "{Thing} goes {onto}.", "You lay {thing} {onto}.", "{Thing} rests {onto} now.")
GAVE = ("You hand {thing} to {who}.", "{Who} takes {thing} from you.", "You hold out {thing} to {who}.")
OPENED = ("You open {thing}.", "{Thing} opens.", "{Thing} gives, and opens.", "You ease {thing} open.")
CLOSED = ("You close {thing}.", "{Thing} closes.", "You push {thing} shut.", "{Thing} is closed again.")
UNLOCKED = ("{Thing} unlocks.", "The lock of {thing} turns.", "You unlock {thing}.")
LOCKED = ("You lock {thing}.", "{Thing} locks.", "The lock of {thing} turns back.")

EXAMINED_AGAIN = ("{Thing} is as it was.", "Nothing about {thing} has changed.", "You know {thing} by now.",
                  "You look once more at {thing}.", "{Thing} keeps its own counsel.",
                  "There is no more to {thing}.")  # fmt: skip
STATE = {"open": ("It is open.", "It stands open."), "closed": ("It is closed.", "It is shut."),
         "locked": ("It is locked.", "It is shut fast, and locked.")}  # fmt: skip
READ_AGAIN = ("You read it again.", "Once more, you read it.", "It says what it said:")

ARRIVED = ("You come back to {place}.", "{Place} again.", "You are back at {place}.", "Here is {place} once more.",
           "You return to {place}.", "Your steps bring you to {place}.", "{Place} waits as you left it.",
           "This is {place}.")  # fmt: skip
LOOKED = ("You look about you.", "You take your time, looking.", "You let your eyes go round.",
          "You turn slowly, seeing.", "You look again, more slowly.", "There is {place}, all of it.")  # fmt: skip
DETAIL = (
    "You could look at {detail}.",
    "{Detail} is worth a look.",
    "Then there is {detail}.",
    "And {detail}, of course.",
)
LIES_HERE = ("{List} {is} here.", "You see {list}.", "Here {is} {list}.", "There {is} {list}.",
             "{List} {lies} within reach.", "You notice {list}.", "Close by {is} {list}.")  # fmt: skip
HOLDS = ("Inside: {list}.", "It holds {list}.", "In it {is} {list}.")
BEARS = ("On it: {list}.", "On it {is} {list}.", "It bears {list}.")
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
    "touch": ("You touch {thing}, lightly.", "Your fingers find {thing}.", "{Thing} is cool under your hand."),
    "hug": ("You open your arms for a moment.", "It is a good thought.", "You let the warmth of it stand."),
    "push": ("You push {thing}; nothing comes of it.", "{Thing} does not budge."),
    "pull": ("You pull at {thing}, without result.", "{Thing} stays where it is."),
    "turn": ("{Thing} does not turn.", "You try to turn {thing}. No."),
    "lift": ("You try to lift {thing}.", "{Thing} is better where it is."),
    "shake": ("You shake {thing}. Nothing rattles.", "{Thing} takes it calmly."),
    "attack": ("You think better of it.", "You let the impulse go by.", "Nothing here needs breaking."),
    "knock": ("You knock. The sound goes off alone.", "You knock, and wait a little."),
    "climb": ("There is nothing to gain by climbing.", "You look up, and stay down."),
    "jump": ("You do, and land where you were.", "A small jump. Nobody minds."),
    "swim": ("Not here, and not today.", "You keep your feet dry."),
    "dig": ("The ground has nothing for you here.", "You find nothing worth digging for."),
    "sing": ("You hum a few notes.", "A tune comes, and goes again.", "You sing a line, not loudly."),
    "wave": ("You lift a hand.", "You nod to nobody in particular.", "You make the gesture, and mean it."),
    "laugh": ("You laugh, a little.", "It gets a laugh out of you."),
    "cry": ("You let it come, and pass.", "It is all right to feel that."),
    "think": ("You turn it over in your mind.", "The thought stays a while, then settles."),
    "thank": ("You say it, and mean it.", "The words are small, and enough."),
    "eat": ("You would rather not eat that.", "You are not hungry enough for that."),
    "drink": ("You let it be.", "You are not as thirsty as that."),
    "wear": ("It is not made for wearing.", "You try, and give it up."),
    "write": ("You find no words just now.", "The words will come another time."),
    "clean": ("You wipe at {thing} a little.", "{Thing} looks much the same."),
    "light": ("You have no way to light that.", "It is not a thing that burns."),
    "throw": ("You weigh it, and keep it.", "Throwing it would help nothing."),
    "fill": ("There is nothing here to do that with.",),
    "tie": ("That would hold nothing.", "You see no way to do that."),
    "say": ("Your words hang in the air.", "You say it aloud. It helps a little.", "Nobody answers, but you said it."),
}  # fmt: skip
GESTURED_OTHER = ("You try, and nothing comes of it.", "You do. The moment passes.", "It changes nothing here.")

MET_AGAIN = ("{Who} nods to you.", '"Yes?" says {who}.', '"You again," {who} says, not unkindly.',
             "{Who} looks up and waits.", '"Go on," says {who}.', "{Who} makes room for you.")  # fmt: skip
TOLD_AGAIN = ('"I have told you that," says {who}.', '"As I said," {who} says, and leaves it.',
              "{Who} has no more on that.", '"That is all of it," says {who}.')  # fmt: skip
UNSURE_AGAIN = ("{Who} shakes a head, slowly.", '"I could not say," says {who}.', "{Who} has nothing on that.",
                '"Ask me something else," says {who}.', "{Who} thinks, and gives it up.")  # fmt: skip
HANDED_BACK = ("{Who} looks, and hands it back.", '"Keep it," says {who}.', "{Who} has no use for {thing}.",
               '"That is yours," says {who}.')  # fmt: skip
MIGHT_ASK = ("You might ask about {list}.", "There is {list} to ask about.", "You could ask about {list}.",
             "Perhaps ask about {list}.")  # fmt: skip
RULED_AGAIN = ("It goes as it went before.", "The same again, much the same.", "Again; it is no less true.")

CARRYING = ("You carry {list}.", "You have {list} with you.", "With you: {list}.", "In your keeping: {list}.",
            "You count over what you have: {list}.")  # fmt: skip
CARRYING_NOTHING = ("Your hands are empty.", "You carry nothing.", "You have nothing with you.")
GOALS_LEFT = ("Still to do: {list}.", "What is still open: {list}.", "Before you: {list}.", "On your mind: {list}.")
GOALS_DONE = ("All of it is done.", "There is nothing left that must be done.")
HELP = ("You can look, examine, go, take, drop, put, open, close, lock, unlock, use, give, talk, ask, read and wait.",
        "Say it plainly: `take the lamp`, `ask her about the boat`, `go north`.")  # fmt: skip

REFUSED = {
    "no_exit": ("There is no way {direction} here.", "Nothing leads {direction}.", "You find no way {direction}.",
                "Not {direction}; not from here."),
    "blocked": ("The way {direction} is barred.", "You can't go {direction} yet."),
    "not_here": ("You see no such thing here.", "There is nothing like that here.", "You look for it, in vain.",
                 "Whatever that is, it isn't here."),
    "no_way": ("You know no way there from here.", "The way there is not plain from here.",
               "You can't see how to get there."),
    "away": ("{Who} is not here.", "You look for {who}, but not here.", "{Who} is somewhere else just now."),
    "not_portable": ("{Thing} stays where it is.", "You can't take {thing}.", "{Thing} is not for carrying."),
    "have_it": ("You have {thing} already.", "{Thing} is in your keeping already."),
    "not_held": ("You don't have {thing}.", "{Thing} is not in your hands."),
    "hands_full": ("You have your hands full.", "You can carry no more."),
    "not_openable": ("{Thing} does not open.", "There is nothing to open or close there."),
    "is_open": ("{Thing} is open already.", "Somebody opened {thing} before you."),
    "is_closed": ("{Thing} is closed already.", "{Thing} is shut as it is."),
    "is_locked": ("{Thing} is locked.", "{Thing} will not open: locked.", "Locked. {Thing} will need a key."),
    "not_lockable": ("{Thing} has no lock.", "There is no lock on {thing}."),
    "no_key": ("You have nothing that fits {thing}.", "Not without the right key."),
    "not_container": ("Nothing will stay there.", "{Thing} holds nothing."),
    "closed_container": ("{Thing} is closed.", "First {thing} would have to be open."),
    "in_itself": ("{Thing} can't go into itself.", "That would be a neat trick."),
    "not_person": ("{Thing} has nothing to say.", "{Thing} keeps quiet."),
    "nobody_here": ("There is nobody here to hear.", "You are alone here.", "Nobody is here just now."),
    "not_readable": ("There is nothing to read on {thing}.", "{Thing} bears no words."),
    "use_what": ("Use it with what?", "On what, though?"),
    "no_effect": ("Nothing comes of it.", "You try. {Thing} is unimpressed.", "That does nothing here.",
                  "It was worth a try."),
    "what": ("What do you want to {verb}?", "{Verb} what, exactly?"),
    "kept": ("{Who} is holding on to that.", "That belongs to {who}, for now."),
    "known_already": ("It is so already.", "That is how it is already."),
    "who": ("Whom do you mean?", "More than one is here. Who?"),
    "where_from": ("Where, exactly?", "Which way?"),
    "nothing_to_take": ("There is nothing here to take.", "You find nothing to carry off."),
    "too_many": ("The rest can wait a turn.", "One thing after another. Then the rest."),
    "ruled_out": ("Not yet.", "Not as things are.", "Nothing has changed about that.", "Still no; not for now."),
}  # fmt: skip
UNCLEAR = ("Which one: {list}?", "Do you mean {list}?", "{List}: which?")
UNKNOWN = (
    "The thought drifts off before you can act.", "You hesitate; your hands don't know how.",
    "That finds no hold here.", "Something in you wants to. How, though?", "The idea does not quite land.",
    "You begin, and lose the thread.",
)  # fmt: skip
TRY = ("You could {list}.", "Perhaps {list}.", "Or {list}.", "There is time to {list}.")

PAIRS = ("{A}, and {b}.", "{A}; {b}.", "{A}, while {b}.", "{B}, and {a}.", "{A}, and all the while {b}.",
                  "{B}, as {a}.", "{A}, and somewhere near, {b}.")  # fmt: skip
"""Ways to join two textures."""
