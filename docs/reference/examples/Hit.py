from pathlib import Path

from videoclip import Library

hit = Library("my-library").search("sharpen a chisel", mode="speech").hits[0]
print(Path(hit.path).name, hit.sight, hit.sure)  # chisel.mp4 None None
