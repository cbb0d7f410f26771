from videoclip import load_model

model = load_model("runs/mine/model")  # or a name of the hub, such as "google/siglip2-base-patch16-224"
texts = model.encode_text(["slice the onion", "sharpen the chisel"])
print(tuple(texts.shape))  # (2, 32)
