"""What of an origin's answer reaches the agent: nothing of ours, nothing that was handed out for keeps.

*Reader* judges an answer by its head · *scrub* covers secrets as a body streams, *forms* are the spellings it looks for, *codings*
undo compression · *keeping* leaves cookies and links in custody. Counterpart: ``headers``, what leaves. Must not know any engine.
"""
