from videoclip import Library

library = Library("my-library")  # made by: videoclip index videos --library my-library
for hit in library.search("sharpen a chisel", mode="speech").hits:
    print(f"{hit.start:.0f}–{hit.end:.0f} s: {hit.quote}")  # 5–8 s: now we sharpen the chisel slowly
