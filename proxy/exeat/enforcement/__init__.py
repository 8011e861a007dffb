"""The enforcement point: everything between an agent's socket and an origin's.

*Ways* how a connection comes in · *host* mitmproxy's sans-IO layers in our own connection handler, *protocols* those layers ·
*gate* one request from wire facts to an admitted exchange or a refusal · *exchange* an admitted request and the stamp that lets it
leave · *dial* the second, independent gate where connections open · *answers* what comes back · *limits* what anybody may take ·
*registry* live connections by mission. Its counterpart is ``decision``, which judges and never acts.
"""
