from videoclip import Found
