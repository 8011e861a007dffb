"""Who is asking: from *evidence* (what a connection shows) to *proof* (which agent that is, and for a pass which mission).

*Evidence* a pass, a token, an SVID, an address, the listener, a placeholder · *way* a listener, and what counts on it · *pass* a
JWT we signed when the mission was opened; its *signer* sits in the control plane · *token* a JWT of an *issuer* that is trusted ·
*prover* puts all evidence of a connection together, or refuses. Whether a mission still lives is the snapshot's business.
Counterpart: ``credentials``, which holds our own keys. Must not know policies, or any proxy engine.
"""
