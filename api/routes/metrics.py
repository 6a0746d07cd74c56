"""All figures in the text form that Prometheus scrapes (exposition format 0.0.4): this process's, or those of all behind its
port, and the safety agent's. The last are written by hand, and the tenant's.
"""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response

from api.routes.parts import Engine
from graphs.auditing import AuditFigures

router = APIRouter(include_in_schema=False)

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABELS = {"verdicts": ("gate", "tier", "action"), "rewrites": ("category",), "webhook": ("outcome",)}
_SAYS = {
    "verdicts": ("tta_safety_verdicts_total", "Verdicts that were anything but permission, of this tenant."),
    "rewrites": ("tta_safety_rewrites_total", "Narrations of which the gate has stopped a sentence, by category."),
    "webhook": ("tta_safety_webhook_total", "Attempts to tell the webhook: delivered, failed, given_up."),
}


@router.get("/metrics")
async def show_metrics(engine: Engine, request: Request) -> Response:
    """Counts by tier, action and gate. Answers without a store, too: that is then one of the figures.

    The safety agent's counts are the tenant's and the same from every process: do not add up instances. What it could not
    write and what waits are this process's own, also of several behind one port.
    """
    lines = exposition(await engine.audit_figures(), len(engine.screen.faults))
    text = request.app.state.figures.text() + "\n".join(lines) + "\n"
    return Response(text, media_type=MEDIA_TYPE)


def exposition(figures: AuditFigures, kept: int) -> Iterator[str]:
    """The lines. Labels are names of ours (`graphs.audit.entries`), none of which needs quoting, and never a tenant."""
    counts = figures["counts"]
    for kind, labels in _LABELS.items():
        name, says = _SAYS[kind]
        yield from _head(name, says, "counter")
        for counter, count in sorted((counts or {}).items()):
            family, *values = counter.split("|")
            if family == kind and len(values) == len(labels):
                told = ",".join(f'{label}="{value}"' for label, value in zip(labels, values, strict=True))
                yield f"{name}{{{told}}} {count}"
    for name, says, kind, value in (
        ("tta_safety_audit_reachable", "Whether the audit's store answers.", "gauge", int(counts is not None)),
        ("tta_safety_audit_waiting", "Entries that this process could not write yet.", "gauge", figures["waiting"]),
        ("tta_safety_audit_failures_total", "Writes that failed in this process.", "counter", figures["failed"]),
        ("tta_safety_audit_lost_total", "Entries for which this process had no room.", "counter", figures["lost"]),
        (
            "tta_safety_rules_kept",
            "Changed files of rules that are not in force: the last good ones are.",
            "gauge",
            kept,
        ),
        ("tta_safety_webhook_owed", "Entries that the webhook has not taken.", "gauge", figures["owed"]),
    ):
        yield from _head(name, says, kind)
        yield f"{name} {value}"


def _head(name: str, says: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {says}"
    yield f"# TYPE {name} {kind}"
