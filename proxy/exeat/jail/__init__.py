"""The jail: a command whose only way out of the network is Exeat.

A new network namespace has a loopback device, down, and nothing else: no route, no address, no neighbour. The jail
needs no more than one listening socket in it. It is made inside and handed to the process outside, which accepts from it
and passes bytes to the proxy (``relay``). So nothing inside leads out: no device, no route, no process, no descriptor.

    exeat run ─ launch ─┬─ relay ────────────── the proxy
                        │    ▲ a listening socket of the jail, handed out
                        └─ warden ─ init (pid 1) ─ the command

``warden`` and ``init`` are ``inside``, run by an interpreter of their own before the command. ``mounts`` takes away the
sockets that are files (a container engine's, a resolver's), ``lock`` what no network namespace holds: capabilities, new
privileges, socket families that know no namespaces. Who may read the same files as the jailed user is another
matter: see docs/segmentation.md.
"""
