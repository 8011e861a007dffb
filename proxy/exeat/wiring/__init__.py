"""The composition root: the only place that picks implementations and puts them together.

*Site* what the configuration alone says · *Common* what every process needs · *DataPlane* serves agents · *ControlPlane* serves
operators · *Assembly* both in one process. Must not know: logic. What runs the result is
``serving``.
"""
