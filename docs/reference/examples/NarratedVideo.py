import numpy as np

from videoclip import Caption, Corpus, FeatureKind, NarratedVideo

features = np.ones((5, 2), np.float16)  # five seconds, two numbers each
video = NarratedVideo("talk", features, [Caption(1.0, 3.5, "slice the onion")])

corpus = Corpus.create("talks.lance", FeatureKind("brightness", 2))
corpus.append([video])
print(corpus["talk"].texts)  # ['slice the onion']
