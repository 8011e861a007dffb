"""Where state lives, durably: one SQLite file, or PostgreSQL for several replicas.

*table* one SQLAlchemy Core table · *row* a mission as columns · *work* a function of a connection and arguments, the same
for both databases · *runner* what carries work out, one transaction a call · *migration* one numbered step of the schema ·
*revision* of a mission: raised by one with every change, so that of two writers one is told it came late · *feed* the
count of all writes of missions · *replica* a process that acts on them · *notice* "something was committed". The
counterparts are ``ports.MissionStore``, ``Feed``, ``Replicas``, ``Ledger`` and ``Leases``. Must not know: HTTP, Cedar, why
a mission changes.
"""
