from videoclip import evaluate
