"""Real secrets that were left where an agent can read them: in files, in an environment, in a process's memory.

*rules* knows the vendors' forms, *looking* finds them in a text and says nothing of a value but its form, *places* brings the
texts. Nothing that is read leaves this process. Must not know: services, missions, the admin API.
"""
