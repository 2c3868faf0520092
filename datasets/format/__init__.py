"""The documents of a token store: what it is made of, its plan, its commit records, its index."""
