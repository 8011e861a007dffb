"""The whole story in under a minute, on one machine and without a network (``exeat demo``).

*stage* the folder and the processes of one performance · *SaaS* a web API that accepts only tokens it can verify ·
*legacy bot* an unchanged script with a shared key in its source · *step* one claim, shown and checked. The product is
used from outside only: its command line, its admin API, its proxy port.
"""

from exeat.demo.story import main

__all__ = ["main"]
