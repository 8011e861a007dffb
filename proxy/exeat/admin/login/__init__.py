"""People log in with their own account: OpenID Connect, authorization code with PKCE, then a session of this API.

*provider* where accounts are · *claims* what an ID token must say · *pending* a login under way · *session* what a cookie
stands for, in memory only. Must not know: what a caller may do with a role.
"""
