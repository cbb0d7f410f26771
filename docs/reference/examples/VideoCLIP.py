from videoclip import VideoCLIP
