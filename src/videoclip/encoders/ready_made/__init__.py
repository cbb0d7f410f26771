"""Joint models of the hub, whose two towers give frames and texts vectors in one space."""
