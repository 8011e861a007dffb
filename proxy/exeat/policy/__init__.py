"""Policies as files: read, checked as a whole, made into an engine; live traffic is judged in ``exeat.decision``.

*bundle* all policies and the schema of one moment, used as one or refused as one · *built-in policy* a forbid that is part
of every bundle; a site may replace it by its ``@id``, and is told so · *starter* the policies a new site begins with ·
*finding* one thing wrong, with file, line and fix · *canary* a question whose answer is known, put to the real engine
before a bundle is used.
"""
