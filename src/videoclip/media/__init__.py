"""Files to frames and timed sentences; which files belong together."""
