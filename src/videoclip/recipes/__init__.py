"""What strings whole commands together: the demo, experiments, repeating a run."""
