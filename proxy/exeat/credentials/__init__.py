"""Where real credentials live: the only package that holds long-lived secrets and mints short-lived tokens.

*Source* where a long-lived secret is kept · *shared credential* the old secret of a service · *placeholder* a worthless
stand-in for it, one per agent and service · *issuer* mints the scoped token for one decision · *broker* caches, renews,
drops and revokes what issuers mint · *pause* the time a server is left alone · *key ring* the keys we sign with. Counterpart: ``identity`` proves who asks;
``enforcement`` puts the token into the request. Must not know policies or any proxy engine.
"""
