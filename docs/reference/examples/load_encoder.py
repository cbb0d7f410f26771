from videoclip import load_encoder

encoder = load_encoder("demo", device="cpu")  # or "s3d", "image:openai/clip-vit-base-patch32", …
features = encoder.encode_file("videos/chisel.mp4")
print(features.shape, features.dtype)  # (12, 128) float16
