"""Entry of the command: checks the installation, runs the command, ends every mistake in one line.

Exit codes: 0 fine, 1 the asked thing failed, 2 wrong usage (see `agents.errors`), 100 an evaluation below its gate.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

_OURS = ("agents", "graphs", "api", "prompts")


def main() -> NoReturn:
    """Runs `tta` with the arguments of the process."""
    keep_compiled()
    open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    if problem := shadowed():
        print(f"tta: {problem}", file=sys.stderr)
        sys.exit(1)
    from api.cli.run import run  # noqa: PLC0415 - only once it is clear whose packages will be imported

    sys.exit(run(sys.argv[1:]))


def open_streams() -> None:
    """Puts nothing in the place of an input or an error stream that was closed; without an output nothing can be told."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is, where whoever starts us closed it
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - as long as the process
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        print("tta: standard output is closed. Leave it open, or send it to a file.", file=sys.stderr)
        sys.exit(1)


def keep_compiled() -> None:
    """Keeps compiled modules in a cache folder of our own where none may be written beside the packages.

    Containers often set PYTHONDONTWRITEBYTECODE; compiling LangGraph anew at every start costs more than a second
    (measured: first prompt 2.7 s without, 1.2 s with). TTA_NO_CACHE=1 leaves the interpreter as it is.
    """
    if not sys.dont_write_bytecode or os.environ.get("TTA_NO_CACHE") == "1":
        return
    from platformdirs import user_cache_path  # noqa: PLC0415 - only where it is needed

    sys.pycache_prefix = str(user_cache_path("tta") / "pycache")
    sys.dont_write_bytecode = False


def shadowed() -> str:
    """Why our packages cannot be imported: another installed package of the same name. Empty when all is well."""
    here = Path(__file__).resolve().parents[2]
    for name in _OURS[:2]:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parent.parent != here or not _is_ours(origin):
            where = str(origin.parent) if origin else "nowhere"
            return (
                f"another package called '{name}' is installed at {where} and hides TTA's own. "
                "Install TTA in an environment of its own: python3 -m venv .venv, or pipx install tta"
            )
    return ""


def _is_ours(origin: Path) -> bool:
    """Our packages say so in their first line; a foreign one may have been installed over them."""
    try:
        return origin.read_text(encoding="utf-8").startswith('"""TTA ')
    except OSError:
        return False
