"""Speaking to HashiCorp Vault or OpenBao over its HTTP API, and trusting nothing it answers.

*Login* what a role grants us for one purpose: a client token, its policies and its end · *lease* what dies with the login it
was made under. Counterparts: ``issuers/vault``, which turns a decision into a login and what that may read, and
``remote/vault``, which reads what others keep there. Must not know: missions' states, caches.
"""
