"""Logging in to a site by its form: *page* reads the form, *visit* is what a browser would do with it.

Must not know: sessions of ours, how tokens are kept.
"""
