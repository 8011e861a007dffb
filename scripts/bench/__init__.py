"""``make bench``: what each proxy costs a request. One run, one machine, interleaved, equal flags, no pass or fail.

Words. *Target*: one way to carry a request, as a set of processes. *Route*: how the load reaches a target in one
scenario. *Scenario*: A keep-alive plain, B keep-alive TLS, C a new tunnel for each request, D keep-alive TLS with
100 KB answers. *Site*: the folder, ports and certificates of one run. *Hot* asks for one resource again and again,
*cold* for another one each time, so that nothing decided or minted before can be used.
"""
