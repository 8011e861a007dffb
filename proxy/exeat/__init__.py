"""Exeat: the permission an AI agent needs for each request that leaves the network.

Read the folders as the way of one request: ``enforcement`` receives it and gathers facts, ``decision`` judges it,
``audit`` writes it down, ``credentials`` swaps what it carries, ``enforcement`` sends it. ``missions``, ``policy`` and
``admin`` are how people decide what may pass; ``model`` holds the words all of them share.
"""

__version__ = "0.1.0"
