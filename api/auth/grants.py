"""What the token endpoint gives, and for what (OAuth 2.0, RFC 6749): a password, a client's secret, a refresh token."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from api.auth.forms import TokenAnswer
from api.auth.guard import Guard, caller_of_key, narrowed
from api.auth.tokens import ACCESS_S, LONGEST, Tokens
from api.refusals import GrantRefused, TooManyLogins, Unauthorized
from graphs.access import abilities
from graphs.access.apikeys import whole_key
from graphs.access.families import Rotated
from graphs.access.roles import SCOPES, Scope, known_scopes

GRANTS = ("password", "client_credentials", "refresh_token")


def network_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or a /64 of IPv6, of which whoever has one address has all."""
    try:
        given = ip_address(address)
    except ValueError:
        return address
    return address if given.version == 4 else str(ip_network((given, 64), strict=False))


class Grants:
    """The token endpoint of one request: its form, its client (id and secret of the header), where it comes from."""

    def __init__(self, guard: Guard, form: Mapping[str, str], client: tuple[str, str] | None, address: str) -> None:
        self._guard, self._form, self._client, self._address = guard, form, client, network_of(address)
        self._access = guard.access

    async def give(self) -> TokenAnswer:
        """The tokens. Raises GrantRefused, TooManyLogins, StoreError."""
        tokens = self._guard.tokens
        asked = self._field("grant_type")
        if tokens is None:
            raise GrantRefused(
                "No tokens are given here",
                error="unsupported_grant_type",
                cure="Ask the issuer for one, or set TTA_AUTH=local.",
            )
        if asked not in GRANTS:
            raise GrantRefused(
                "There is no such grant", error="unsupported_grant_type", cure=f"One of {', '.join(GRANTS)}."
            )
        if asked == "client_credentials":
            return await self._for_client(tokens)
        return await (self._for_password(tokens) if asked == "password" else self._for_refresh(tokens))

    async def end(self) -> None:
        """Ends the login of a token, if it is one (RFC 7009): whether it was is not told."""
        token = self._field("token")
        if await self._access.families.end(token) or self._guard.tokens is None:
            return
        try:
            claims = self._guard.tokens.read(token)
        except Unauthorized:
            return
        await self._access.families.end_family(str(claims.get("sid", "")))

    async def _for_password(self, tokens: Tokens) -> TokenAnswer:
        name, password = self._field("username"), self._field("password")
        attempt = await self._attempt(name)
        account = await self._access.accounts.verified(name, password)
        if account is None:
            raise GrantRefused("Name and password do not fit", error="invalid_grant", cure="Check both.")
        await self._access.throttle.forgive(attempt, name, self._address)
        scopes = self._scopes(abilities(account["role"]))
        family = await self._access.families.begin(account, scopes)
        return self._answer(tokens, family, abilities(account["role"], scopes))

    async def _for_refresh(self, tokens: Tokens) -> TokenAnswer:
        asked = self._scopes(frozenset(SCOPES))  # before the token is used up
        family = await self._access.families.rotate(self._field("refresh_token"))
        account = await self._access.accounts.get(family["account"]) if family else None
        if family is None or account is None or account["since"] != family["since"]:
            if family:
                await self._access.families.end_family(family["family"])
            raise GrantRefused(
                "The refresh token is not good, or was used", error="invalid_grant", cure="Log in again."
            )
        held = abilities(account["role"], family["scopes"])
        reach = held if asked is None else held & asked
        if not reach:
            raise GrantRefused("None of these scopes is yours", error="invalid_scope", cure="Log in again.")
        return self._answer(tokens, family, reach)

    async def _for_client(self, tokens: Tokens) -> TokenAnswer:
        known, secret = self._client or (self._field("client_id"), self._field("client_secret"))
        attempt = await self._attempt("")
        key = await self._access.keys.verified(whole_key(known, secret)[:LONGEST])
        if key is None:
            basic = self._client is not None
            raise GrantRefused("That client is not known, or its secret is wrong", error="invalid_client", basic=basic)
        await self._access.throttle.forgive(attempt, "", self._address)
        whole = caller_of_key(key).scopes
        reach = caller_of_key(key, self._scopes(whole)).scopes
        scope = " ".join(known_scopes(reach))
        token = tokens.make(f"key:{key['id']}", key=key["id"], scope=scope)
        return TokenAnswer(access_token=token, expires_in=ACCESS_S, scope=scope)

    def _answer(self, tokens: Tokens, family: Rotated, reach: frozenset[Scope]) -> TokenAnswer:
        scope = " ".join(known_scopes(reach))
        token = tokens.make(family["account"], sid=family["family"], scope=scope)
        return TokenAnswer(access_token=token, expires_in=ACCESS_S, refresh_token=family["token"], scope=scope)

    async def _attempt(self, name: str) -> str:
        attempt, wait = await self._access.throttle.take(name, self._address)
        if wait:
            raise TooManyLogins(wait)
        return attempt

    def _scopes(self, held: frozenset[Scope]) -> "frozenset[Scope] | None":
        """What was asked for, which may be less than what is held but no more; None where nothing was."""
        if not self._form.get("scope", "").strip():
            return None
        asked = self._form["scope"].split()
        scopes = narrowed({"scope": self._form["scope"]}) or frozenset()
        if len(scopes) != len(set(asked)) or not scopes <= held:
            raise GrantRefused("There is no such scope, or it is not yours", error="invalid_scope")
        return scopes

    def _field(self, name: str) -> str:
        """A field of the form. Raises GrantRefused where it is missing."""
        if not self._form.get(name):
            raise GrantRefused(f"The form has no {name}", error="invalid_request", cure="See /docs.")
        return self._form[name]
