"""Search inside your own videos."""
