"""Where things lie: folders of this machine and of object stores, locks, whole writes, checkpoints."""
