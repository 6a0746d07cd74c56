"""The verbs that every world understands, and the small words around them."""

VERBS: dict[str, tuple[str, ...]] = {
    "look": ("look around", "look about", "look", "l", "where am i", "what do i see", "what can i see", "survey",
             "what is this place", "what's this place", "where is this", "what is here", "what's here", "look closely"),
    "who": ("who is here", "who's here", "who is there", "who else is here", "where is everybody", "where is everyone",
            "where are they", "is anybody here", "is anyone here", "is anybody there", "is anyone there",
            "is somebody here", "is someone here", "who can i talk to", "who is with me"),
    "where": ("where is", "where are", "where's", "where was", "where did i leave", "where did i put", "look for",
              "search for"),
    "examine": (
        "examine", "x", "inspect", "look at", "look in", "look inside", "look into", "look under", "look behind",
        "look through", "look on", "look closely at", "study", "check", "search", "observe", "watch", "describe",
        "investigate", "peer at", "peer into", "gaze at", "view", "what is", "who is", "look over", "find",
    ),
    "go": ("go", "walk", "move", "head", "run", "travel", "enter", "go to", "go into", "walk to", "walk into",
           "climb to",
           "return to", "go back to", "head to", "head for", "follow", "go through", "walk through", "exit", "leave",
           "step into", "step", "cross", "proceed"),
    "take": ("take", "get", "grab", "pick up", "pick", "collect", "carry", "fetch", "hold", "acquire", "gather", "steal",
             "pocket"),
    "drop": ("drop", "put down", "leave behind", "let go of", "discard", "set down", "throw away", "lay down"),
    "put": ("put", "place", "insert", "set", "lay", "hang", "slide", "drop into", "pour", "stick", "fit"),
    "open": ("open", "unfasten", "unwrap", "unseal"),
    "close": ("close", "shut", "fasten"),
    "lock": ("lock", "bolt"),
    "unlock": ("unlock", "unbolt"),
    "use": ("use", "apply", "operate", "try"),
    "give": ("give", "hand", "offer", "pass", "return", "show", "present", "deliver", "feed"),
    "talk": ("talk to", "talk with", "talk", "speak to", "speak with", "speak", "greet", "say hello to", "say hi to",
             "chat with", "chat to", "hello", "hi", "converse with", "address", "wake"),
    "ask": ("ask", "question", "tell", "inquire of"),
    "say": ("say", "shout", "whisper", "answer", "reply", "call"),
    "read": ("read", "peruse", "skim"),
    "wait": ("wait", "z", "pause", "stay", "rest", "sit", "sit down", "stand still", "do nothing", "wait a moment",
             "sleep", "nap", "linger", "go to sleep", "fall asleep", "get some sleep", "go back to sleep", "go to bed",
             "take a nap", "have a nap", "doze", "doze off", "get some rest", "have a rest", "take a rest"),
    "inventory": ("inventory", "i", "inv", "what am i carrying", "what do i have", "check my pockets",
                  "check pockets", "what am i holding", "check inventory", "look at my things"),
    "goals": ("goals", "goal", "quests", "quest", "objectives", "journal", "what are my goals"),
    "hint": ("hint", "hints", "what should i do", "what do i do", "what now", "i am stuck", "what do i do now",
             "what should i do now", "what can i do now", "what to do", "i'm stuck", "what next", "next",
             "what should i do next", "what do i do next", "give me a hint"),
    "help": ("help", "commands", "what can i do", "how do i play", "instructions", "?"),
    "breathe": ("breathe", "take a breath", "take a deep breath", "breathe deeply", "ground myself", "calm down",
                "calm myself", "close my eyes", "close eyes"),
}  # fmt: skip
"""Canonical verb to the phrases that mean it; the longest phrase that fits decides."""

GESTURES: dict[str, tuple[str, ...]] = {
    "smell": ("smell", "sniff"),
    "listen": ("listen to", "listen for", "listen", "hear"),
    "touch": ("touch", "feel", "stroke", "pat", "rub", "tap", "pet"),
    "hug": ("hug", "embrace", "hold hands with", "comfort", "kiss"),
    "push": ("push", "press", "shove", "nudge"),
    "pull": ("pull", "tug", "yank", "drag"),
    "turn": ("turn", "twist", "rotate", "spin"),
    "lift": ("lift", "raise", "move"),
    "shake": ("shake", "rattle"),
    "attack": ("attack", "hit", "kick", "fight", "break", "smash", "cut", "tear", "burn", "punch", "stab", "kill"),
    "knock": ("knock on", "knock at", "knock"),
    "climb": ("climb up", "climb down", "climb over", "climb onto", "climb"),
    "jump": ("jump over", "jump on", "jump", "leap", "dance", "skip", "hop"),
    "swim": ("swim", "wade", "dive"),
    "dig": ("dig in", "dig up", "dig"),
    "sing": ("sing to", "sing", "hum", "whistle"),
    "wave": ("wave to", "wave at", "wave", "smile at", "smile", "nod to", "nod", "bow to", "bow", "clap"),
    "laugh": ("laugh at", "laugh", "grin"),
    "cry": ("cry", "weep", "sigh", "mourn"),
    "think": ("think about", "think of", "think", "remember", "wonder about", "wonder", "pray", "imagine", "dream"),
    "thank": ("thank", "apologise to", "apologise", "apologize to", "apologize", "forgive"),
    "eat": ("eat", "taste", "lick", "bite"),
    "drink": ("drink from", "drink", "sip"),
    "wear": ("wear", "put on", "take off"),
    "write": ("write on", "write in", "write to", "write", "draw", "sign"),
    "clean": ("clean", "wash", "wipe", "polish", "dust", "sweep"),
    "light": ("light", "ignite", "kindle"),
    "throw": ("throw", "toss", "hurl"),
    "fill": ("fill", "empty"),
    "stand": ("stand up", "get up", "stand", "stretch", "wake up"),
    "nod": ("yes", "no", "maybe", "perhaps", "of course", "okay then"),
    "tie": ("tie", "untie", "fix", "mend", "repair"),
}  # fmt: skip
"""Things that people try and that change nothing unless a rule of the world says so."""

DIRECTIONS: dict[str, tuple[str, ...]] = {
    "north": ("north", "n", "northward", "northwards"),
    "south": ("south", "s", "southward", "southwards"),
    "east": ("east", "e", "eastward", "eastwards"),
    "west": ("west", "w", "westward", "westwards"),
    "northeast": ("northeast", "ne", "north east", "north-east"),
    "northwest": ("northwest", "nw", "north west", "north-west"),
    "southeast": ("southeast", "se", "south east", "south-east"),
    "southwest": ("southwest", "sw", "south west", "south-west"),
    "up": ("up", "u", "upstairs", "upward", "upwards"),
    "down": ("down", "d", "downstairs", "downward", "downwards"),
    "in": ("in", "inside", "indoors"),
    "out": ("out", "outside", "outdoors"),
}

PREPOSITIONS: dict[str, str] = {
    "behind": "on", "beside": "on", "beneath": "on",
    "on": "on", "onto": "on", "upon": "on", "on top of": "on", "over": "on", "against": "on",
    "in": "in", "into": "in", "inside": "in", "through": "in", "under": "in",
    "with": "with", "using": "with", "by": "with",
    "to": "to", "for": "to", "towards": "to",
    "at": "at",
    "about": "about", "regarding": "about", "concerning": "about", "of": "about",
    "from": "from", "out of": "from", "off": "from",
}  # fmt: skip

ARTICLES = frozenset(
    {"the", "a", "an", "some", "my", "your", "his", "her", "its", "their", "this", "that", "these", "those"}
)

PRONOUNS: dict[str, str] = {
    "it": "thing", "them": "thing", "this": "thing", "that": "thing", "these": "thing", "those": "thing",
    "him": "he", "her": "she", "he": "he", "she": "she", "they": "they",
}  # fmt: skip

ALL_WORDS = frozenset({"all", "everything", "both", "every thing", "all of it", "all of them"})

LEAD_INS = (
    "i would like to", "i'd like to", "i want to", "i try to", "i attempt to", "i decide to", "i am going to",
    "i'm going to", "i need to", "i have to", "i must", "i should",
    "i will", "i'll", "i go and", "let me", "let us", "let's", "can i", "could i", "can you", "may i",
    "try to", "attempt to", "please", "then", "now", "carefully", "quietly", "gently", "slowly", "quickly", "just",
    "well", "okay", "ok", "so", "and", "also", "again",
)  # fmt: skip

_LITTLE = """
    i me my mine myself you your yours yourself we us our ours he him his she her hers it its they them their theirs
    one ones someone something somebody anyone anything anybody everyone everything nobody nothing none there here
    am is are was were be been being do does did done have has had having will would shall should can could may might
    must ought not no yes and or but nor if than then so as because while though although until unless since before
    after during between very too also just only even still yet ever never always more most less least much many few
    little bit some any each every all both either neither other another such same own like well okay ok oh ah um
    please perhaps maybe really quite rather almost already now today tonight again once twice up down out away back
    let lets want wants wanted need needs try get got go goes going gone make made
    im ive id ill dont cant can't wont won't didnt doesnt isnt youre its thats whats lets gonna wanna
"""
LITTLE_WORDS = frozenset(_LITTLE.split())
"""Words that say nothing by themselves; no answer calls one of them unknown."""

QUESTION_WORDS = frozenset(
    {"what", "who", "why", "when", "where", "how", "did", "does", "do", "is", "are", "was", "can"}
)

CLOSE_LOOKS = frozenset({"look closely"})
"""Spellings of `look` that ask for the whole place, however often it was told."""
