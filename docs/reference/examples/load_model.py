from videoclip import load_model
