"""The program that reads a corpus for a forked process (``dataset.Reader``): rows in, videos out, to the end."""

import os
import pickle
import sys

from ..errors import CorpusError


def answer() -> None:
    """Read pickled rows of a corpus, which comes first, from standard input, and write the videos to standard output.

    Both are pipes to the process that started this one, and to nobody else.
    """
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed here is no answer
    corpus = pickle.load(asked)
    while True:
        try:
            rows = pickle.load(asked)
        except EOFError:
            return
        try:
            made = corpus.read(rows)
        except CorpusError as error:
            made = error
        pickle.dump(made, answers)
        answers.flush()
