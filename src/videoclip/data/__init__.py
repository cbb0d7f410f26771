"""What ships with the package: the vocabulary, everyday texts, the demo's encoder."""
