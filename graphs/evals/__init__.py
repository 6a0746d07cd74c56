"""Prompt evaluation: each prompt's cases, run with any model, and what came of them."""

from graphs.evals.run import EvalReport, run_evals

__all__ = ["EvalReport", "run_evals"]
