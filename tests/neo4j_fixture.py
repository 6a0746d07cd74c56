"""The fixture `neo4j_server`: `from neo4j_fixture import neo4j_server` in conftest.py."""

import os
from collections.abc import Iterator

import pytest
from neo4j_server import NoNeo4jError, Server, start


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[Server]:
    """A real Neo4j, started once for all tests. Without one a skip, or with TTA_REQUIRE_NEO4J=1 a failure."""
    try:
        with start() as server:
            yield server
    except NoNeo4jError as reason:
        if os.environ.get("TTA_REQUIRE_NEO4J") == "1":
            pytest.fail(f"TTA_REQUIRE_NEO4J is set, and there is no Neo4j: {reason}", pytrace=False)
        pytest.skip(f"no Neo4j: {reason}")
