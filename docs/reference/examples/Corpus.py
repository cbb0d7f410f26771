from videoclip import Corpus

corpus = Corpus("my.lance")
print(len(corpus), corpus.ids)  # 2 ['chisel', 'onion']
print("onion" in corpus)  # True
print(corpus[0].captions[0].text)  # now we sharpen the chisel slowly
print([video.seconds for video in corpus])  # [12, 10]
