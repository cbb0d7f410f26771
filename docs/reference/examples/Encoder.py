from videoclip import Encoder


def brightness(pixels):
    """(N, frames, height, width, 3) uint8 -> (N, 2): how red and how blue a second is."""
    return pixels.float().mean((1, 2, 3))[:, ::2]


encoder = Encoder("brightness", feature_size=2, fps=4, frame_size=16, network=brightness)
print(encoder.encode_file("videos/chisel.mp4").shape)  # (12, 2)
