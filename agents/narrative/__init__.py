"""The narrative agent: scene, outcome and memories in; prose and choices out."""
