from videoclip import JointModel, load_model


def best_second(model: JointModel, features, text: str) -> int:
    """Works with every model: ours, or a ready-made one."""
    return int((model.video_tokens(features) @ model.encode_text([text]).T).argmax())


model = load_model("runs/mine/model")
print(model.size, model.features.encoder)  # 32 s3d-narrow@f7ac8096
