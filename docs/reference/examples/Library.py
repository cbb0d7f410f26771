from videoclip import Library
