"""Other people's weights and data: what there is of them, getting them, and reading them safely."""
