"""Ways in: how an agent's connection reaches the gate. Whatever the way, the gate sees the same request.

*Entry* what is particular to one listener · *socks* the SOCKS5 greeting · *original* where a redirected connection was
going · *reverse* base URLs, and answers mapped back to them · *names* DNS answers that send agents here. Counterpart:
``host``, which serves the connection. Must not know policies, credentials.
"""
