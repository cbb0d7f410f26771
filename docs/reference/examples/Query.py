from videoclip import Library, Query

query = Query("sharpen a chisel", mode="speech", limit=3, longest=60)
print(len(Library("my-library").search(query).hits))  # 1
