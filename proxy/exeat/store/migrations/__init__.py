"""The schema's history: *env* how Alembic runs it, *versions* one numbered file a step, never edited once released."""
