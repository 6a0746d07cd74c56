"""The URL of a Redis Cluster, as docket writes it, too: `redis+cluster://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...]`."""

import re
from dataclasses import dataclass
from typing import NamedTuple

SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""How a Cluster's URL begins, and that of one of its nodes."""

_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


class Address(NamedTuple):
    """Where a node listens; an IPv6 host without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, repr=False)
class ClusterUrl:
    """`seeds` are the nodes that the URL names: the others are learned from any of them. It may hold a password."""

    scheme: str
    login: str
    seeds: tuple[Address, ...]
    options: str

    def node(self, address: Address) -> str:
        """The URL of one node, for a client of one Redis."""
        return f"{SCHEMES[self.scheme]}://{self.login}{address}{self.options}"

    def by(self, address: Address) -> str:
        """The URL of the Cluster by that node alone: docket takes no more than one."""
        return f"{self.scheme}://{self.login}{address}{self.options}"


def is_cluster(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def read_cluster_url(url: str) -> ClusterUrl:
    """Raises ValueError, which says what is wrong and quotes nothing: there may be a password in it."""
    scheme, _, rest = url.partition("://")
    place, mark, options = rest.partition("?")
    named, _, database = place.partition("/")
    login, at, hosts = named.rpartition("@")
    if scheme not in SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(f'{each}://' for each in SCHEMES)}")
    if database not in ("", "0"):
        raise ValueError("must name no database but 0: a Cluster has no other (a `/` in a password is written %2F)")
    found = [_HOST.fullmatch(host.strip()) for host in hosts.split(",")]
    if not all(found):
        raise ValueError("must name nodes as HOST:PORT, parted by commas, and percent-encode the password")
    seeds = tuple(Address(each["host"].strip("[]"), int(each["port"] or 6379)) for each in found if each)
    if not all(0 < seed.port < 65_536 for seed in seeds):
        raise ValueError("must name ports from 1 to 65535")
    return ClusterUrl(scheme, login + at, seeds, mark + options)
