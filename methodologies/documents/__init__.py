"""A methodology as people read it: mathematics, Markdown, the words around them."""
