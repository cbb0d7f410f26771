"""The public data sets, each read as it is distributed and measured by the tasks."""
