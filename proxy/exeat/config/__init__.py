"""The configuration: one TOML file, read and checked as a whole.

*settings* the typed form with defaults and the reasons for them · *loading* from file and ``EXEAT_…`` variables, every
finding with file, line, field and fix. Must not know: what any setting does.
"""
