"""The judgement: from bytes on the wire to a decision, as pure functions of their arguments.

*normalise* one reading of a request, or a refusal · *limits* what Cedar is never asked · *classify* service, action and
resource · *recognise* whose credential the request brought · *engine* Cedar · *snapshot* everything a judgement may know,
immutable · *verdict* the engine's answer, *decision* ours. Counterpart: ``exeat.enforcement`` carries decisions out. Must
not know: I/O, the clock, any loop or engine of a proxy.
"""
