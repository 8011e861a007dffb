"""What one agent, one address or one peer may take: connections, streams, time, memory.

*Quotas* count · *deadlines* time a connection's phases · *balance* stops who sends to somebody that doesn't read · *calm* ends
HTTP/2 floods. How much is allowed stands in ``[proxy.limits]``. Must not know policies, credentials.
"""
