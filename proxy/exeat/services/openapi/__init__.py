"""From an OpenAPI description to a service of the catalogue.

* description: the OpenAPI 3.0 or 3.1 document of an API, in JSON
* endpoint: one method on one path of a description
* draft: what the description says about a service, before anybody has looked at it
* change: what a later description would do to a service that exists, where hand edits stand
"""
