"""Missions that leave their path: rules applied to what happens, as a pure function of events and time.

*Rule* what counts as leaving it, and what follows · *subject* the session it is about · *event* one thing that happened in it ·
*watch* the rules with what they have to remember, bounded · *firing* a rule that holds, with its evidence (both ends are in
``model.deviation``). No I/O and no clock. Counterpart: ``enforcement.deviations``, which sees the events and acts.
"""
