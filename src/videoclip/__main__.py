"""``python -m videoclip`` is ``videoclip``."""

from .cli.main import main

if __name__ == "__main__":
    main()
