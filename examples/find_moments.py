"""Find moments in your own videos.

python examples/find_moments.py                 # in rendered videos, by a small model of them
python examples/find_moments.py "someone slices an onion" --videos ~/Videos --model google/siglip2-base-patch16-224
"""

from argparse import ArgumentParser
from pathlib import Path

from videoclip import Library, encoder_for, load_model
from videoclip.library.index import index

parser = ArgumentParser(description="Find moments in your own videos.")
parser.add_argument("query", nargs="?", default="someone stirs something green")
parser.add_argument("--videos", type=Path, help="a folder of videos (default: rendered ones)")
parser.add_argument("--model", default="google/siglip2-base-patch16-224", help="for your own videos")
parser.add_argument(
    "--library", type=Path, default=Path("runs/examples/library"), help="a new folder, or one of before"
)
arguments = parser.parse_args()

if arguments.videos:
    videos, model = arguments.videos, load_model(arguments.model)
else:
    import rendered

    videos, model = rendered.videos(), rendered.model()

# Only videos that are new or have changed are looked at; a second call is quick.
index([videos], arguments.library, model, encoder_for(model))

library = Library(arguments.library, model)
found = library.search(arguments.query, limit=5, everything=True)  # without everything=True: only what fits
print(f"{len(library.videos)} videos; {arguments.query}:")
for hit in found.hits:
    print(f"  {hit.start:5.1f} s to {hit.end:5.1f} s of {hit.path}")
