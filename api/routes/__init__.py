"""The routes: one module a resource, each a few lines over the engine."""
