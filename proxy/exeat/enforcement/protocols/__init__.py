"""HTTP as it is spoken on both sides: mitmproxy's sans-IO layers, made strict and bounded.

*Layers* one connection's HTTP and its origins · *streams* one request and its answer · *http1*, *http2*, *chunks*, *websocket*
the wire · *greeting* SOCKS5. Counterpart: ``host``, which drives them. Must not know policies, credentials.
"""
