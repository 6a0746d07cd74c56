"""Ports for servers that are told one and bind it later."""

import random
import socket
from contextlib import suppress

PLACES = range(12_000, 22_000)
"""Below what systems give to whoever asks for any port (from 32,768 or 49,152 on), that of a Cluster's bus too: nobody is
given such a port between the look and the bind, which of a Neo4j lie half a minute apart."""
BUS = 10_000


def free_port() -> int:
    """A port that is free together with that of the Cluster's bus above it."""
    while True:
        port = random.SystemRandom().choice(PLACES)
        with socket.socket() as probe, socket.socket() as bus, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            bus.bind(("127.0.0.1", port + BUS))
            return port
