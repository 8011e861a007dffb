"""One file per issuer: each mints tokens of one *kind* for a ``TokenRequest`` and says their *grade*.

Grade A is narrowed to the request, B short-lived with a scope an admin fixed, C custody only. Counterpart: ``broker``,
which checks what was granted. An issuer must not know caches, missions' states or other issuers.
"""
