from videoclip import Corpus, VideoCLIP

model = VideoCLIP.from_pretrained("runs/mine/model")
video = Corpus("my.lance")["chisel"].features  # (seconds, F)

whole = model.encode_video(video)  # one vector for the whole video
seconds = model.video_tokens(video)  # one vector for each second
text = model.encode_text("sharpen the chisel")
print(tuple(whole.shape), tuple(seconds.shape))  # (32,) (12, 32)

scores = model.similarity(text, seconds)  # the larger, the better a second fits
print(tuple(scores.shape))  # (1, 12)

model.save_pretrained("saved-model")
