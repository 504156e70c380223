"""Other frameworks' names and conventions over Nacre: their programs run after changing an import line.

Each dialect is a package of its own that uses public extension points only; docs/dialects has a page for each.
"""
