"""The offline storyteller's prose: from a scene's beats to sentences, without a model."""

from agents.models.storyteller.tell import tell

__all__ = ["tell"]
