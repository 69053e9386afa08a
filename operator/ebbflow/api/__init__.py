"""The API models: one source of the CRDs, the JSON schemas and the reference pages."""
