"""The admin API: the only door through which people open, change, watch and end missions.

*context* what the API can reach · *guard* who may call at all · *body* a request's JSON, read strictly · *problem* an RFC
9457 answer · *replay* the same answer to the same request sent twice. The counterpart is ``enforcement``, the agents'
door. Must not know: mitmproxy, SQL, Cedar.
"""
