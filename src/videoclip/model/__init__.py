"""The two transformers, their loss, published weights, and other joint models."""
