"""Trials of revocation, as somebody outside sees them.

place   one host name with an origin port of its own: whatever arrives there belongs to the one mission that is tried there
trial   open a mission at a place, get traffic flowing, revoke it, go on trying; then look at what the origin got
kind    what the traffic is: keep-alive, h2, sse, websocket, upload, mint in flight, tunnel
verdict a fact, not a time: no byte reached the origin's socket later than the grace after the call had returned, every
        connection of the mission was ended, and what was minted for it was revoked

Both ends of that comparison are the kernel's own time stamps (when the last byte of the call's answer, and when each piece
of traffic, reached its socket), so a busy machine blurs neither.
"""
