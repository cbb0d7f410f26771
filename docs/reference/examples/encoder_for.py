from videoclip import encoder_for
