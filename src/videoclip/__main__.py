"""``python -m videoclip`` is ``videoclip``."""

from .cli import main

if __name__ == "__main__":
    main()
