from videoclip import VideoclipError
