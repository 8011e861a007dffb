"""Frozen values: the words every other package speaks.

*agent* a workload with an identity of its own · *mission* one bounded task · *session* one agent in one mission ·
*service* one SaaS API · *operation* what a request means there · *decision* the verdict, a value · *obligation* what
must be done on permit · *record* one audit entry. Nothing here imports anything else of Exeat, does I/O or reads a clock.
"""
