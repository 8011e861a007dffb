"""Kubernetes as an issuer of service accounts' tokens: the TokenRequest, and whether its answer is what was asked for.

Must not know: caches, policies, networks.
"""
