"""What counts as personal data, in the forms in which it is written, and what of a story does not."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.prompts import Prompts
from agents.safety.personal import find
from agents.safety.personal.span import Kind

FORMS: dict[Kind, list[str]] = {
    "email": ["anna.mueller+x@sub.example.co.uk", "ÖRJAN@exämple.se", "anna (at) example (dot) com", "anna at example dot com"],
    "phone": [
        "+1 (415) 555-2671", "+44 20 7946 0958", "020 7946 0958", "07911 123456", "+49 30 901820", "030/901820-22",
        "+33 1 42 68 53 00", "06 12 34 56 78", "01.84.17.61.18", "71-33-52-22", "+39 06 1234 5678", "+91 98765 43210",
        "(555) 123-4567", "(579)888-3058", "555.123.4567", "1-800-555-0199", "555-123-4567 ext. 22", "898-666-3621x0135",
        "+55 (11) 91234-5678", "0049 171 1234567", "+46 (0)8 928 571 38", "001-518-640-0854", "5403926876", "+447700677662",
    ],
    "card": ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "378282246310005", "3782 822463 10005"],
    "account": [
        "DE89 3704 004" + "4 0532 0130 00", "GB29NWBK601" + "61331926819", "gb29 nwbk 601" + "6 1331 9268 19", "FR14200410100" + "50500013M02606",
        "bc1qar0srrr7xfkvy5l64" + "3lydnw9re59gtzzwf5mdq", "0x" + "5290840009" + "8527886E0F" + "7030069857" + "D2E4169EE7",
    ],
    "national_id": [
        "078-05-1120", "AB 12 34 56 C", "AB123" + "456C", "12345678Z", "X1234567L", "RSSMRA85" + "T10A562S", "1 85 05 78 006 084 91",
        "18505" + "78006" + "08491", "86095" + "74" + "2719", "111.444.777-35", "44051" + "40" + "1359", "046 454 286", "2341 2341 2346", "811218-9876",
        "131052-308T", "756.9217.0769.85", "ABCPE1234F", "110105194" + "91231002X", "12-3456789", "850507-1234567",
    ],
    "address": [
        "221B Baker Street, London NW1 6XE", "Flat 3, 12 High Street, Leeds LS1 4AB", "4 Privet Drive, Little Whinging, Surrey",
        "350 Fifth Avenue, New York, NY 10118", "123 Main St, Apt 4B, Springfield, IL 62704", "P.O. Box 55", "Postfach 1234",
        "PSC 6293, Box 8158\nAPO AP 04336", "Hauptstraße 5, 10115 Berlin", "Musterweg 12a, 80331 München, Germany",
        "Unter den Linden 77, 10117 Berlin", "5 rue de Rivoli, 75001 Paris", "12, rue Victor Hugo, 69002 Lyon",
        "C/ Gran Vía 28, 28013 Madrid", "Via Roma 10, 00184 Roma", "Rua Augusta, 1500", "ul. Marszałkowska 10, 00-590 Warszawa",
        "Keizersgracht 123, 1015 CJ Amsterdam", "Drottninggatan 5, 111 51 Stockholm", "Kálmán Imre u. 12.", "Magrethevej 298",
        "6750 Koskikatu 25 Apt. 864\nArtilleros\n, CO\n Uruguay 64677", "07 18 Marsh Lane\n Suite 503\n Akureyri\n Iceland 80296",
        "14 Wallaby Way, Sydney NSW 2000", "MG Road 45, Bengaluru 560001", "the corner of Kuusiku 7 and Alder Lane",
    ],
    "url": ["https://example.org/a?b=c", "www.example.org", "example.org", "git.example.com/anna"],
    "ip": ["192.168.0.1", "2001:db8::ff00:42:8329", "fe80::1", "00:1A:2B:3C:4D:5E"],
    "key": [
        "sk-" + "a1B2" * 10, "sk-ant-" + "aB3-" * 12, "AKIA" + "IOSFODNN" + "7EXAMPLE", "ghp_" + "a1B2c3" * 6, "xoxb-" + "123456" + "7890ab",
        "AIza" + "SyA1234567890abcd" + "efghijklmnopqrstuv", "eyJhbGciOi" + "JIUzI1NiJ9." + "eyJzdWIiOiIx" + "In0.abcDEF123", "glpat-" + "x" * 20,
        "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
    ],
}  # fmt: skip

ANNOUNCED: list[tuple[str, str, Kind]] = [
    ("my passport number is ", "X1234567", "national_id"),
    ("passport no: ", "5334" + "01372", "national_id"),
    ("my driver's license number is ", "2270-66-1551", "national_id"),
    ("driving licence ", "MORGA657054SM9IJ", "national_id"),
    ("SSN ", "078 05 1120", "national_id"),
    ("TFN ", "123 456 782", "national_id"),
    ("NHS number ", "943 476 5919", "national_id"),
    ("my card is ", "4111 1111 1111 1112", "card"),
    ("account number ", "12345678", "account"),
    ("sort code ", "12-34-56", "account"),
    ("call me on ", "450 0840", "phone"),
    ("my zip code is ", "610", "address"),
    ("postcode: ", "LS1 4AB", "address"),
    ("she lives at ", "Dolni 7", "address"),
    ("password: ", "hunter2x", "key"),
    ("api_key=", "f3a9c" + "1d2e4", "key"),
]

PLAY = """go north 3 times
take 10 coins and 5 lamps
I roll a 20 and do 15 damage
open door 12 on platform 9
set the dial to 4 8 15 16 23 42
count 1 2 3 4 5 6 7 8 9 10
10 20 30 40
the year 1889 in Paris
wait until 10:30
12:30:45 at 2024-05-06
read page 123, line 4
I pay 1,000,000 gold
I pay 1000000 gold
turn the safe to 12-34-56
the password is swordfish
say password open-sesame
walk 100 feet down the road
follow the 3 Musketeers
on the corner of the room and the hall
go to apartment 5
ask Maren about 1945 and 1950
the 12 knights of the round table
Platform 2, Carriage 14
I drop 50 feet off the Cliff Path
read chapter 3 verse 16
at night.Then I go
I go in.It is dark
take the 9 o'clock Train 451 to Bath
look at the lamp @ noon""".splitlines()


def found(text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.kind) for span in find(text)]


@pytest.mark.parametrize(("kind", "written"), [(kind, form) for kind, forms in FORMS.items() for form in forms])
def test_each_form_is_found_whole_alone_and_in_a_sentence(kind: Kind, written: str) -> None:
    bare = written.removesuffix(".")
    for text in (written, f"I tell Maren: {written} and wait."):
        ((told, known),) = found(text)
        assert (told.removesuffix("."), known) == (bare, kind)


@pytest.mark.parametrize(("before", "value", "kind"), ANNOUNCED)
def test_what_only_its_announcement_tells_is_found(before: str, value: str, kind: Kind) -> None:
    assert found(f"Listen, {before}{value}, thanks") == [(value, kind)]


@pytest.mark.parametrize("action", PLAY)
def test_nothing_of_a_story_is_marked(action: str) -> None:
    assert found(action) == []


def test_shipped_worlds_and_prompts_hold_no_personal_data() -> None:
    folder = Prompts().folder
    texts = [*folder.glob("worlds/*.yaml"), *folder.glob("*/prompt.md"), *folder.glob("heart/*.yaml")]
    assert len(texts) > 6
    assert {path.name: found(path.read_text()) for path in texts if found(path.read_text())} == {}


def test_several_stand_in_order_and_share_no_character() -> None:
    text = "I am at 12 High Street, Leeds LS1 4AB, anna@example.org, +44 20 7946 0958."
    assert [kind for _, kind in found(text)] == ["address", "email", "phone"]


def test_line_ends_that_json_has_escaped_do_not_hide_an_address() -> None:
    address = "6750 Koskikatu 25 Apt. 864\nArtilleros\n, CO\n Uruguay 64677"
    text = json.dumps({"action": f"send it to {address}"})
    assert found(text) == [(json.dumps(address)[1:-1], "address")]


def test_a_number_far_into_a_long_text_is_found_with_what_announces_it() -> None:
    long = "The lamp is lit and the sea is calm. " * 400
    assert found(f"{long}Call me on 450 0840. {long}") == [("450 0840", "phone")]


@given(st.text(st.sampled_from("0123456789 .-/()+@:,\n#xXAbKſ\u212a²٣aé∆Zz'")) | st.text())
def test_whatever_is_written_is_read(text: str) -> None:
    spans = find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "1-", "a@", "a.", "Ab 1 ", "12 High Street ", "corner of A and ", "::1", "send ", "1.a"]
)
def test_a_text_made_to_be_slow_comes_to_its_end(piece: str) -> None:
    """What takes the square of its length here outlives the suite's patience."""
    find((piece * 80_000)[:80_000])
