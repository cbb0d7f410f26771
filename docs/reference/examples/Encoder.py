from videoclip import Encoder
