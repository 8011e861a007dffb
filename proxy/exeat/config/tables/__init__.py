"""The tables of ``exeat.toml``, by what they are about. Docstrings under a field become its description in the JSON Schema."""
