"""What the ``aws`` issuer is made of: the session policy, the call to STS, its answer.

Must not know: caches, the policies that decide.
"""
