from videoclip import Corpus, FeatureKind

corpus = Corpus.create("new.lance", FeatureKind("brightness", 2, normalized=False))
print(corpus.kind)  # encoder 'brightness' (2-d, not normalised)
