from videoclip import NarratedVideo
