"""Where state lives, durably: the embedded SQLite file.

*table* one SQLAlchemy Core table · *row* a mission as columns · *migration* one numbered step of the schema ·
*revision* of a mission: raised by one with every change, so that of two writers one is told it came late. The
counterpart is ``ports.MissionStore``. Must not know: HTTP, Cedar, why a mission changes.
"""
