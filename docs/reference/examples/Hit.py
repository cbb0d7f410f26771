from videoclip import Hit
