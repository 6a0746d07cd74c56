"""Who watches: traces for OpenTelemetry, figures for Prometheus. What they are told comes through `graphs/telemetry.py`."""
