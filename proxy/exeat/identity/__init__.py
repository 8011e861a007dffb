"""Who is asking: from *evidence* (what a connection shows) to a *verified pass* (which agent, in which mission).

*Pass* a JWT we signed when the mission was opened · *signer* makes it in the control plane · *verifier* reads it in the
data path. Whether the mission still lives is the snapshot's business. Counterpart: ``credentials``, which holds the
keys. Must not know policies, services or any proxy engine.
"""
