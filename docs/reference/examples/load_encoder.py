from videoclip import load_encoder
