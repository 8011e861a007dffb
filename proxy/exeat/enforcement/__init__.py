"""The enforcement point: everything between an agent's socket and an origin's.

*gate* one request from wire facts to an admitted exchange or a refusal · *exchange* an admitted request and the stamp
that lets it leave · *host* mitmproxy's sans-IO layers in our own connection handler · *dial* the second, independent gate
where connections open · *registry* live connections by mission. Its counterpart is ``decision``, which judges and never acts.
"""
