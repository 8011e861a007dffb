"""Secrets that lie elsewhere than on this host: sealed in our store, in a vault, with a cloud; one file each.

They are read by the process that leads, which tells the workers: one value for all, and no more readers than hosts.
Counterparts: ``sources`` for this host, ``keeper``, which decides when. Must not know: what a secret opens.
"""
