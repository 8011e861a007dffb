"""``exeat serve``: run an installation until SIGTERM, watch what changes under it, and end in order.

*alone* one process does everything · *supervisor* the control plane over several *worker* processes, which *processes* keeps · *chores* what is looked after · *operators* the admin API over the parts · *hello* the
first lines. Must not know: how the parts were chosen.
"""
