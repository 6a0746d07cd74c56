"""One turn, as a graph. This file is the table of contents; each node is the function of its name.

    begin -> screen_action -> recall -> resolve_action -> narrate -> review_narration -> settle_changes -> commit
             screen_action may branch to crisis, check_in or refuse, which go straight to commit and move no HEAD.

Beside a node stands the file of its function; below it, who does the work. Paths begin at the repository's root.

    begin              loads where the branch stands                  graphs/steps.py
                         from story memory                            graphs/memory/graph.py
    screen_action      reads the action for danger                    agents/safety/screen_action.py
                         by prompts/safety/action.yaml                agents/safety/screen.py
    crisis, check_in   answer a person at risk                        agents/safety/screen_action.py
                         with fixed human words, by country           agents/safety/crisis.py
    refuse             answers what the story will not play           agents/safety/screen_action.py
    recall             asks for past moments that fit the action      graphs/steps.py
                         ranked                                       graphs/memory/recall.py
    resolve_action     finds what the action does                     agents/world/resolve_action.py
                         a sentence becomes a verb and things         agents/world/parse.py
                         the rules of the world decide                agents/world/resolve.py
    narrate            tells the outcome                              agents/narrative/narrate.py
                         with the rendered prompts/narrate/prompt.md  agents/prompts.py
                         each sentence held until it is checked       agents/safety/gate.py
                         against the hard facts                       agents/narrative/claims.py
    review_narration   looks at the whole, may add                    agents/narrative/review.py
    settle_changes     checks what changed                            agents/world/settle_changes.py
                         soft facts are taken or rejected             agents/world/settle.py
                         choices are offered                          agents/world/choices.py
    commit             keeps the turn                                 graphs/steps.py
                         and moves HEAD, in one statement             graphs/memory/cypher.py

Around the graph:

    the state's keys                                                  graphs/state.py
    what each node did, for `tta trace`                               graphs/trace.py
    an action is screened and accepted, its turn gets its own task    graphs/playing.py
    an accepted turn is run, or resumed after a crash                 graphs/runner.py
    the events that a client streams                                  graphs/events.py
    the checkpoint after each node                                    graphs/checkpoint/saver.py
    `offline`, a model that reads the same prompt                     agents/models/offline.py
                         and its prose                                agents/models/storyteller/tell.py

One path, no joins, no subgraphs. `narrate` has no retry policy: it would say things twice.
"""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import RetryPolicy

from agents.errors import StoreUnavailable
from agents.narrative.narrate import narrate
from agents.narrative.review import review_narration
from agents.safety.screen_action import check_in, crisis, refuse, screen_action
from agents.world.resolve_action import resolve_action
from agents.world.settle_changes import settle_changes
from graphs.state import TurnServices, TurnState
from graphs.steps import begin, commit, recall
from graphs.trace import traced

# Reading and committing are idempotent, so a store that blinks is asked again; LangGraph's default leaves TimeoutError out.
PATIENT = RetryPolicy(initial_interval=0.05, max_attempts=3, retry_on=(StoreUnavailable, TimeoutError))

ANSWERS = {"story": "recall", "crisis": "crisis", "check_in": "check_in", "refused": "refuse"}


def route_action(state: TurnState) -> str:
    """Where the safety agent's verdict sends the turn."""
    return ANSWERS[state.get("kind", "crisis")]


def build_turn_graph(checkpointer: BaseCheckpointSaver[str] | None = None) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The compiled turn graph; with a checkpointer a turn survives its process."""
    graph = StateGraph(TurnState, context_schema=TurnServices)

    graph.add_node("begin", traced(begin), retry_policy=PATIENT)
    graph.add_node("screen_action", traced(screen_action))
    graph.add_node("crisis", traced(crisis))
    graph.add_node("check_in", traced(check_in))
    graph.add_node("refuse", traced(refuse))
    graph.add_node("recall", traced(recall), retry_policy=PATIENT)
    graph.add_node("resolve_action", traced(resolve_action))
    graph.add_node("narrate", traced(narrate))
    graph.add_node("review_narration", traced(review_narration))
    graph.add_node("settle_changes", traced(settle_changes))
    graph.add_node("commit", traced(commit), retry_policy=PATIENT)

    graph.add_edge(START, "begin")
    graph.add_edge("begin", "screen_action")
    graph.add_conditional_edges("screen_action", route_action, list(ANSWERS.values()))
    graph.add_edge("recall", "resolve_action")
    graph.add_edge("resolve_action", "narrate")
    graph.add_edge("narrate", "review_narration")
    graph.add_edge("review_narration", "settle_changes")
    graph.add_edge("settle_changes", "commit")
    for answer in ("crisis", "check_in", "refuse"):
        graph.add_edge(answer, "commit")
    graph.add_edge("commit", END)
    return graph.compile(checkpointer=checkpointer)
