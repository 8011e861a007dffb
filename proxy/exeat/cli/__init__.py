"""The command line: one file a verb or group of verbs.

*main* finds the verb and turns every error into one clear block and an exit code · *exits* the exit codes · *output*
data on stdout, words on stderr · *client* speaks to a running proxy's admin API. Heavy modules are imported inside the
commands that need them, so that ``--help`` stays quick. Must not know: how anything is done, only whom to ask.
"""
