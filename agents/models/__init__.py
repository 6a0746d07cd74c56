"""Language models by name: `open_model("provider:name")`. Vendor SDKs are imported in this package and nowhere else."""

from agents.models.opening import check_judge, check_spec, open_model

__all__ = ["check_judge", "check_spec", "open_model"]
