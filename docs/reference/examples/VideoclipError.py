from videoclip import Corpus, VideoclipError

try:
    Corpus("missing.lance")
except VideoclipError as error:
    print(error)  # missing.lance: no such corpus; 'videoclip extract' makes one
