"""What is said in a file, heard by a speech recogniser."""
