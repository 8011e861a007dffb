"""What Google grants for our word: tokens of a workload identity pool, and of a service account.

Must not know: caches, policies.
"""
