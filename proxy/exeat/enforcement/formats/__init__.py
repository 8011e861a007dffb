"""The forms in which a refusal is told.

*Asked* what the caller sent that shows what it can read · *form* one way to write a refusal, chosen for a caller ·
*problem* the members every form is made from (RFC 9457).
"""
