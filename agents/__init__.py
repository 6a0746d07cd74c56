"""TTA agents: who thinks. Knows no graph, no database, no HTTP."""
