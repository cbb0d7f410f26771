from videoclip import Library

found = Library("my-library").search("a submarine", mode="speech")
print(found.hits, found.note)  # [] nothing of that is said in the library
