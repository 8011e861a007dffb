"""GitHub as an issuer of installation tokens: what to ask for, asking, and whether what was granted is that.

Must not know: caches, policies, how keys are kept.
"""
