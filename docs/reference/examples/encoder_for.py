from videoclip import encoder_for, load_model

model = load_model("runs/mine/model")
features = encoder_for(model).encode_file("videos/chisel.mp4")  # those that the model was trained on
print(tuple(model.encode_video(features).shape))  # (32,)
