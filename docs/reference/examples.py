"""Examples of the reference, one for each public name; they run one after another where ``make demo`` was run."""

# %% Corpus
from videoclip import Corpus

corpus = Corpus("runs/demo/corpus.lance")
print(len(corpus), corpus.kind)
for video in corpus:
    print(video.id, video.seconds, video.captions[0].text)
    break

# %% CorpusDataset
from torch.utils.data import DataLoader

from videoclip import CorpusDataset

training = CorpusDataset("runs/demo/corpus.lance", transform=lambda video: video.features.mean(0))
means = next(iter(DataLoader(training, batch_size=8)))  # (8, F)
print(len(training), means.shape)

# %% NarratedVideo
import numpy as np

from videoclip import Caption, NarratedVideo

video = corpus[0]
features = np.asarray(video.features)
mine = NarratedVideo("mine", features, [Caption(0.0, 4.0, "we slice the onion")])
print(mine.seconds, mine.texts)

# %% Caption
caption = Caption(start=1.5, end=3.0, text="now the onion goes in")
print(f"{caption.end - caption.start} s: {caption.text}")

# %% FeatureKind
from videoclip import FeatureKind

print(FeatureKind("s3d", 512))  # whose features these are, and how long
print(corpus.kind == FeatureKind("s3d", 512))  # False: these are the demo encoder's

# %% load_encoder
from videoclip import load_encoder

encoder = load_encoder("demo", device="cpu")
print(encoder.name, encoder.feature_size)

# %% Encoder
features = encoder.encode_file(video.path)  # any video file that FFmpeg reads
print(features.shape, features.kind)

# %% load_model
from videoclip import load_model

model = load_model("runs/demo/model", device="cpu")  # or a name of the hub
print(model.name, model.size)

# %% JointModel
texts = ["someone slices an onion", "a red car in the rain"]
logits = model.encode_video([features]) @ model.encode_text(texts).T  # (1, 2)
print(logits.softmax(-1))  # which of the two texts it shows

# %% VideoCLIP
from videoclip import VideoCLIP

trained = VideoCLIP.from_pretrained("runs/demo/model")
per_second = trained.video_tokens(features) @ trained.encode_text("someone slices an onion")  # (T,)
print(int(per_second.argmax()), "is the second that fits best")

# %% encoder_for
from videoclip import encoder_for

print(encoder_for(trained).name)  # the encoder whose features the model was trained on

# %% evaluate
from videoclip import evaluate

result = evaluate("world", trained, "runs/demo/corpus.lance", "runs/demo/videos", split="test")
print(result["retrieval"]["text_to_video"]["R@1"])

# %% Library
from videoclip import Library

library = Library("runs/demo/library")
for hit in library.search("someone slices an onion", limit=3).hits:
    print(f"{hit.start:.0f}-{hit.end:.0f} s", hit.path)

# %% Query
from videoclip import Query

found = library.search(Query("onion", mode="speech", shortest=10, limit=5))
print(len(found.hits))

# %% Found
found = library.search("someone slices an onion", everything=True)
print(found.note or f"{len(found.hits)} hits")

# %% Hit
best = found.hits[0]
print(best.start, best.end, best.sight, best.quote)

# %% VideoclipError
from videoclip import VideoclipError

try:
    Corpus("no/such.lance")
except VideoclipError as error:
    print(error)  # one line: what is wrong, where, and what to do
