from videoclip import evaluate

result = evaluate("pairs", "runs/mine/model", "my.lance", "pairs.csv")
metrics = result["retrieval"]["text_to_video"]
print(0 <= metrics["R@1"] <= 1)  # True
