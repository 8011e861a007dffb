"""Policy texts that several tests use."""

GRANT = '@id("mission-operations")\npermit (principal, action, resource) when { action in principal.operations };\n'
