"""The service catalogue: what a request means at a SaaS API.

*catalogue* the checked set of all services, built-in files merged with the site's tables · *template* a path pattern
with captures · *operation* what a request that fits a template does · *resource* what it acts on, with all its parents ·
*unlisted* a request no template fits. Counterpart: ``exeat.decision.classify`` asks it. Must not know: identities,
missions, policies.
"""
