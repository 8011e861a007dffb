"""Speaking OAuth 2 to an authorization server, and trusting nothing it answers.

*Assertion* a short-lived JWT of ours: about the agent (*subject*), about ourselves (*actor*, *client*) · *grant* what a
token endpoint answered, once checked against what was asked.
Counterpart: ``issuers/oauth_exchange``, which turns a decision into a request and a grant into a token. Must not know
missions' states, caches or other issuers.
"""
