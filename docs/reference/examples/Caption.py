from videoclip import Caption
