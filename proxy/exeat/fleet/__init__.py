"""Several processes that act as one: who knows of a change, who has confirmed it, and who may serve until when.

*channel* calls between two processes · *member* one worker as the control plane sees it · *crew* all workers of a host ·
*replica* a host among others on one store. A worker serves while its *lease* holds: a moment, on the clock that all
processes of a machine share, until which what it knows is complete. Must not know: connections, SQL, how a process starts.
"""
