"""Readers: what a request asks for when that lies in its body.

*Reader* turns a whole body into what it asks, or refuses · *asked* one thing asked for: a *select* that operations name it
by, and arguments · *select* ``mutation:createIssue``, ``tools/call:search``, ``eth_call``; a written one may end in ``*`` ·
*capture* a JSON Pointer into the arguments, whose value names the resource · *choices* the operations that share one match.

Everything is read exactly once or refused: where two parsers could disagree about a body, nobody judges it.
"""
