from videoclip import Corpus
