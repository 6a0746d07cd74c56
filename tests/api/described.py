"""What Schemathesis is told of this API besides its description: the hooks that `test_described.py` has it load."""

from typing import Any

import schemathesis


@schemathesis.check
def what_the_schema_takes_is_taken(ctx: Any, response: Any, case: Any) -> None:
    """A rule of the story may refuse what fits (a topic must be in letters: `invalid_input`), the schema may not."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 422:
        code = response.json()["code"]
        assert code != "invalid_request", f"the schema allows it and it is refused: {response.json()['detail']}"
