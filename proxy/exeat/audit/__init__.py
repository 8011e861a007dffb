"""The audit log: what was decided, and what became of it, in a form that shows tampering.

*record* one JSON object a line · *chain* the records of one worker from start to stop, each naming its predecessor's
hash · *part* one file of a chain · *head* the newest link of a chain, sealed with a key and kept in another folder ·
*checkpoint* a signed record up to which everything is on the disk · *finding* one thing the verifier holds against a
chain. Counterpart: ``exeat.enforcement.gate``, which writes a decision before it acts on it and an outcome after.
"""
