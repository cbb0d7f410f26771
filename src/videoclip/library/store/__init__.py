"""A library on disk: one folder of LanceDB tables, in which a video is there as a whole or not at all.

What belongs to a video (features, vectors of its seconds and moments, speech, pictures) is written under a new number,
and the row in the table ``videos`` that names this number comes last. So a killed job leaves rows that no video names:
no search shows them, and the next job removes them (``Writer.tidy``). One process writes at a time; any number read.
"""
