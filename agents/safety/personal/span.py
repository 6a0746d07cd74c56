"""A stretch of a text that is personal data."""

from typing import Literal, NamedTuple

Kind = Literal["email", "phone", "card", "account", "national_id", "address", "url", "ip", "key"]
"""`account`: IBAN, other bank accounts, wallets. `national_id`: also passports, licences, numbers of insurances and taxes.
`address`: where somebody lives or gets post, whole or in part, and its postcode. `url`: web addresses and domains.
`ip`: addresses of machines. `key`: keys, tokens, passwords of services."""


class Span(NamedTuple):
    """Characters `start` up to, but not including, `end` of the text."""

    start: int
    end: int
    kind: Kind
