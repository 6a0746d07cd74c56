"""The words by which streets are known in the languages whose addresses are looked for: data, in small letters."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TRAILING = _words(
    """
    street st str avenue ave av road rd lane ln drive dr close court ct place pl boulevard blvd crescent cres
    terrace ter square sq parade pde highway hwy parkway pkwy circle cir trail gardens gdns grove mews hill row
    walk loop path quay rise vale view way alley plaza turnpike expressway freeway crossing bend ridge esplanade
    promenade green park heights point cove glen wharf broadway strand yard
    """
)
"""What English names end with: `12 High Street`."""

LEADING = _words(
    """
    via viale vicolo piazza piazzale corso largo strada contrada rua avenida travessa praça praca alameda
    estrada rodovia calle c cl paseo plaza carrer carretera camino avda ronda glorieta pasaje travesía rue
    avenue boulevard chemin place quai impasse allée allee route cours square passage ul ulica aleja al plac pl
    osiedle os улица ул проспект пр переулок пер бул λεωφόρος λεωφ οδός plateia odos jalan soi ulitsa náměstí
    namesti nám třída bulevar bulevardul b-dul calea șoseaua soseaua intrarea trg sokak cadde
    """
)
"""What names begin with: `Via Roma 131`."""

SHORT = _words(
    """
    u út útja ut utca utcája tere tér ter rkp krt kapu köz sor sétány sétaút fasor tn pst mnt tee tänav puiestee
    g gatvė pr iela bulv st str straße strasse platz allee weg ring damm ufer gasse steig berg hof markt vej
    gade allé plads gate gata gatan vei veg vägen torg torget katu tie kuja polku tori aukio laan straat plein
    weg kade gracht dreef singel dijk ulice ulica náměstí nábřeží caddesi cad sokağı sokak sk mah bulvarı
    terrasse brygge
    """
)
"""Words of their own that names end with, short or not: `Kálmán Imre u. 12`, `Unter Linden Straße 5`."""

_CLOSING = _words(
    """
    vej vejen gade gaden allé alléen stræde plads pladsen torv torvet krogen bakken parken gata gate gaten gatan
    gränd gränden vegen veien vägen vei stien bakken tunet svingen stigen stien torget plassen kroken haugen lia
    straße strasse straße gasse platz allee damm ufer weg ring steig graben gässchen steg pfad chaussee zeile
    str katu kuja tie polku kaari raitti rinne penger laan straat plein kade gracht dreef singel dijk steeg hove
    pad wei gatu stræti straeti gata braut vegur götu tún hólar utca körút tänav ulica prospekt ulitsa шоссе
    улица sokak caddesi dori
    """
)
_ENDINGS = tuple(_CLOSING)
_LONG_ENOUGH = 6


def closes_name(word: str) -> bool:
    """Whether the word ends as names of streets do that are one word: `Magrethevej`, `Ziegelgasse`."""
    return len(word) >= _LONG_ENOUGH and word.endswith(_ENDINGS) and word not in _NO_STREETS


_NO_STREETS = _words(
    """
    necktie bowtie magpie calorie zombie cookie movie genie prairie rookie birdie brownie hoodie selfie auntie
    eyrie reverie spring string during offering evening morning bring earring wolfring keyring nothing something
    everything anything frigate navigate investigate congregate delegate agate floodgate aggregate surrogate
    expletive untie quantities launchpad notepad keypad ipad helipad footpad unfold norwei subway renegade
    brigade cavalcade decade arcade cascade barricade facade brocade escapade palisade lemonade crusade
    hermitage
    """
)

UNITS = _words(
    """
    apt apartment suite ste unit flat apto appt app wohnung lägenhet lgh piso dept building bldg fl floor étage
    room rm byt lok
    """
)

BOXES = _words(
    """
    box postfach postbus postboks apartado casilla postilokero pobox
    """
)

LINKS = _words(
    """
    de la le les du des da do dos das del della delle dei degli di d l van den der het ten ter 't von zum zur am
    an im auf und y e i of the and av och og ja na pod nad u ve bin al el san sur lès en
    """
)
"""Small words within a name."""

JOINS = _words(
    """
    and of the y e i og och ja na in on at a
    """
)
"""Those that join it to what comes before."""

NOT_NAMES = _words(
    """
    i you he she it we they this that these those there here my your his her our their its me him them a an is
    are was were be been am do does did have has had will would can could shall should may might must not no yes
    but or if then than so because while when where who what which why how all some any each every many more
    most much few another other such same just only also too very now ok okay well oh hey hi hello please thanks
    thank sorry yeah yep nope right alright at to for with from into onto in on by about over under up down out
    off after before between against during without through feet foot ft miles mile yards yard metres meters
    inches steps paces minutes hours seconds days weeks months years times people men women gold silver copper
    pieces points hit damage roll rolls rolled plus minus equals first second third last next
    """
)
"""Words that no street's name holds."""

COUNTED = _words(
    """
    level lvl chapter act scene episode part volume book page line verse season round turn day night year week
    month room floor deck platform track gate door bay seat row table step stage phase number no nr option
    choice question answer figure version type class grade rank tier size lot item roll initiative natural nat
    dc ac hp xp cr d20 dice die bed cabin carriage coach car bus train flight route line channel team group
    player score age aged january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday
    strength dexterity constitution intelligence wisdom charisma perception stealth insight attack damage spell
    slot armor armour hit points about around nearly almost exactly roughly total under over top only like
    section article psalm genesis luke john mark matthew apollo windows iphone mobile desk fax phone office tel
    date name zip card account
    """
)
"""Words that are counted: what they and a number make is no address (`Platform 2`, `Chapter 7`, `Wisdom 14`)."""

ANNOUNCING = re.compile(
    r"(?:\b(?:liv(?:e|es|ed|ing)|resid(?:e|es|ed|ing)|stay(?:s|ed|ing)?|dwell(?:s|ing)?) (?:at|on|in|along|over at"
    r"|by|near)"
    r"|\b(?:located|based|situated|delivered|shipped|sent|send it|mailed|posted|registered|moved|moving|return(?:ed)?"
    r"|send\b[^.\n]{0,30}|meet(?: me| you| us| him| her)?) (?:at|on|to|in)"
    r"|\b(?:house|home|flat|office|shop|restaurant|station|stop|store|school|hotel|caf[ée]|clinic|surgery|building)s?"
    r" (?:is|are|was) (?:at|on|in)"
    r"|\baddress(?:es)?(?: (?:to|is|was|here|with|now is))?(?: (?:at|to))?[:\s]{1,8}(?:it['’ ]?i?s )?"
    r"|\baddress to the same:? "
    r"|\b(?:drops? (?:you|me|us) off|pick(?:s)? (?:you|me|us) up|stop|enter|get off|turn) (?:at|on|in|into)"
    r"|\b(?:side|corner|end) of|\brefers to)(?: the)?(?: corner of)?\s{1,6}$",
    re.IGNORECASE,
)
"""What stands right before an address that nothing else tells."""
