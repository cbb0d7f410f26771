from videoclip import Caption

caption = Caption(start=1.0, end=3.5, text="slice the onion")
print(caption.end - caption.start)  # 2.5
