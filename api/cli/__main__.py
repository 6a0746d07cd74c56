"""`python -m api.cli` is `tta`."""

from api.cli.main import main

main()
