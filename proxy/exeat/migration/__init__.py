"""The way from shared credentials to none: who still sends which, and what is to be done next.

*inventory* takes counts in and keeps them · *report* what they say · *advice* the next step in one line. Must not know:
requests, SQL, how a report is shown.
"""
